// Package agentpod is the node's side of what pkg/transport/pod does: this program puts
// itself in its place, and a job runs as a static pod.
//
// The kubelet runs a static pod without an API server, starts it again after a crash or a
// power cut, and leaves its containers alone when it is started again itself. Its manifest
// is the one thing of ours that is ever in the kubelet's folder (I9), and only for as long
// as the job takes: the job removes it when it has come to its end. A job must go on from
// wherever it was interrupted when it is started again.
package agentpod

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/etcd-restore/etcd-restore/pkg/internal/durable"
	"github.com/etcd-restore/etcd-restore/pkg/transport/detached"
)

var (
	// ErrManifest is returned for a manifest that is not one of ours.
	ErrManifest = errors.New("not the manifest of an agent")
	// ErrNotStarted is returned when the kubelet does not run the agent.
	ErrNotStarted = errors.New("the agent does not start")
	// ErrProgram is returned for a program that is not what it should be.
	ErrProgram = errors.New("the program is not whole")
)

// Place is where things are on the node.
type Place struct {
	Manifests string // the kubelet's folder
	Logs      string // folder of the jobs' logs and locks, see pkg/transport/detached
	FS        durable.FS
}

const prefix = "etcd-restore-"

var nameForm = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$`)

// check refuses what is no name of a job.
func check(name string) error {
	if !nameForm.MatchString(name) {
		return fmt.Errorf("%w: %q is no name of a job", ErrManifest, name)
	}
	return nil
}

// manifest is the file of a job.
func (p Place) manifest(name string) string {
	return filepath.Join(p.Manifests, prefix+name+".yaml")
}

// coming is where it is written: the kubelet takes every file in its folder for whole.
func (p Place) coming(name string) string {
	return filepath.Join(filepath.Dir(p.Manifests), "."+prefix+name+".coming")
}

// Runs reports whether a job runs, in a pod or otherwise.
func (p Place) Runs(name string) (bool, error) { return detached.Running(p.Logs, name) }

// Placed says whether the manifest of a job is there: the kubelet starts it, or will again.
func (p Place) Placed(name string) bool {
	_, err := os.Lstat(p.manifest(name))
	return !errors.Is(err, os.ErrNotExist)
}

// Jobs are the names of those whose manifest is in the folder.
func (p Place) Jobs() ([]string, error) {
	entries, err := os.ReadDir(p.Manifests)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		name, ours := strings.CutPrefix(strings.TrimSuffix(e.Name(), ".yaml"), prefix)
		if ours && e.Type().IsRegular() && filepath.Ext(e.Name()) == ".yaml" && check(name) == nil {
			names = append(names, name)
		}
	}
	return names, nil
}

// remove takes a manifest out of the folder, for good.
func (p Place) remove(name string) error {
	if err := os.Remove(p.manifest(name)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return p.FS.SyncDir(p.Manifests)
}
