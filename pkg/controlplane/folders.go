package controlplane

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
)

// folders are the names of the folders that the kubelet has of static pods. The UID of
// one is a hash, without the dashes that an API server puts into a UID.
type folders map[string]bool

func (n *Node) folders() (folders, error) {
	entries, err := os.ReadDir(n.podDirs())
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	static := folders{}
	for _, e := range entries {
		if !strings.Contains(e.Name(), "-") {
			static[e.Name()] = true
		}
	}
	return static, nil
}

// held are the folders of pods that the kubelet has not forgotten.
func (n *Node) held(pods []Pod) ([]string, error) {
	static, err := n.folders()
	if err != nil {
		return nil, err
	}
	var held []string
	for name := range static {
		for _, p := range pods {
			if there, _ := exists(filepath.Join(n.podDirs(), name, "containers", p.Component)); there {
				held = append(held, name)
			}
		}
	}
	return held, nil
}

// atWork reports whether the kubelet has begun a static pod that was not there before and
// has no container yet. It makes the folder first, then the sandbox, then the folder of a
// container (kubelet.go, SyncPod), which is the first that tells whose pod it is.
func (n *Node) atWork(before folders) (bool, error) {
	static, err := n.folders()
	if err != nil {
		return false, err
	}
	for name := range static {
		if before[name] {
			continue
		}
		containers, err := os.ReadDir(filepath.Join(n.podDirs(), name, "containers"))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return false, err
		}
		if len(containers) == 0 {
			return true, nil
		}
	}
	return false, nil
}
