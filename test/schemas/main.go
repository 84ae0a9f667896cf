package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"github.com/etcd-restore/etcd-restore/plugins/etcdrestore"
	"github.com/etcd-restore/etcd-restore/plugins/snapshotx"
)

func main() {
	root := flag.String("root", ".", "folder of the module, where comments are read and docs/schemas is written")
	flag.Parse()
	if err := write(*root); err != nil {
		fmt.Fprintln(os.Stderr, "schemas:", err)
		os.Exit(1)
	}
}

func write(root string) error {
	all, err := files(root)
	if err != nil {
		return err
	}
	for name, text := range all {
		if err := os.WriteFile(filepath.Join(root, "docs", "schemas", name), text, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// files are those of docs/schemas by name.
func files(root string) (map[string][]byte, error) {
	said, err := readComments(root)
	if err != nil {
		return nil, err
	}
	all := map[string][]byte{}
	add := func(name string, s *schema) {
		var text bytes.Buffer
		e := json.NewEncoder(&text)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		if err == nil {
			err = e.Encode(s)
		}
		all[name+".json"] = text.Bytes()
	}
	for kind, result := range etcdrestore.Results() {
		s := newSchema(kind, result, said)
		s.Properties["apiVersion"].Const, s.Properties["kind"].Const = "etcd-restore/v1", kind
		add(kind, s)
	}
	for verb, result := range snapshotx.Results() {
		add("snapshot-x-"+verb, newSchema("etcdctl-snapshot-x "+verb+" -w json", result, said))
	}
	return all, err
}
