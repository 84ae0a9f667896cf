package main

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"
)

// config is as much of an image's configuration as a runtime needs.
type config struct {
	Architecture string  `json:"architecture"`
	OS           string  `json:"os"`
	Config       process `json:"config"`
	RootFS       rootFS  `json:"rootfs"`
	History      []entry `json:"history"`
}

type process struct {
	Env        []string `json:"Env"`
	Entrypoint []string `json:"Entrypoint,omitempty"`
}

type rootFS struct {
	Type    string   `json:"type"`
	DiffIDs []string `json:"diff_ids"`
}

type entry struct {
	CreatedBy string `json:"created_by"`
}

// manifest is an entry of manifest.json, by which an archive of Docker's kind
// names its images.
type manifest struct {
	Config   string
	RepoTags []string
	Layers   []string
}

func write(out, ref, entrypoint string, files []string) (err error) {
	layer, err := layerOf(files)
	if err != nil {
		return err
	}
	diff := digest(layer)
	c := config{
		Architecture: runtime.GOARCH,
		OS:           "linux",
		Config:       process{Env: []string{"PATH=/usr/local/bin:/usr/bin:/bin:/"}},
		RootFS:       rootFS{Type: "layers", DiffIDs: []string{"sha256:" + diff}},
		History:      []entry{{CreatedBy: "etcd-restore's lab"}},
	}
	if entrypoint != "-" {
		c.Config.Entrypoint = []string{entrypoint}
	}
	configuration, err := json.Marshal(c)
	if err != nil {
		return err
	}
	m := manifest{Config: digest(configuration) + ".json", RepoTags: []string{ref}, Layers: []string{diff + ".tar"}}
	manifests, err := json.Marshal([]manifest{m})
	if err != nil {
		return err
	}

	f, err := os.Create(out)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	t := tar.NewWriter(f)
	for _, part := range []struct {
		name string
		data []byte
	}{{m.Config, configuration}, {m.Layers[0], layer}, {"manifest.json", manifests}} {
		if err := add(t, part.name, 0o644, part.data); err != nil {
			return err
		}
	}
	return t.Close()
}

func digest(data []byte) string { return fmt.Sprintf("%x", sha256.Sum256(data)) }

func add(t *tar.Writer, name string, mode int64, data []byte) error {
	if err := t.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: mode, Size: int64(len(data))}); err != nil {
		return err
	}
	_, err := bytes.NewReader(data).WriteTo(t)
	return err
}
