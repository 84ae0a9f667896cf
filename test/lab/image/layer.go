package main

import (
	"archive/tar"
	"bytes"
	"fmt"
	"os"
	"path"
	"strings"
)

// layerOf packs files given as PATH=FILE, all of them executable, with the
// folders they are in and an empty /tmp.
func layerOf(files []string) ([]byte, error) {
	var layer bytes.Buffer
	l := layerWriter{tar: tar.NewWriter(&layer), made: make(map[string]bool)}
	if err := l.folder("tmp", 0o1777); err != nil {
		return nil, err
	}
	for _, file := range files {
		target, source, ok := strings.Cut(file, "=")
		if !ok {
			return nil, fmt.Errorf("%q is not PATH=FILE", file)
		}
		data, err := os.ReadFile(source)
		if err != nil {
			return nil, err
		}
		target = strings.TrimPrefix(path.Clean(target), "/")
		if err := l.folder(path.Dir(target), 0o755); err != nil {
			return nil, err
		}
		if err := add(l.tar, target, 0o755, data); err != nil {
			return nil, err
		}
	}
	err := l.tar.Close()
	return layer.Bytes(), err
}

type layerWriter struct {
	tar  *tar.Writer
	made map[string]bool
}

// folder writes a folder after those above it, each once.
func (l layerWriter) folder(name string, mode int64) error {
	if name == "." || l.made[name] {
		return nil
	}
	if err := l.folder(path.Dir(name), 0o755); err != nil {
		return err
	}
	l.made[name] = true
	return l.tar.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: name + "/", Mode: mode})
}
