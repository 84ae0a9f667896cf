// Command kubeadm writes testdata anew: what the kubeadm of each minor version in minors
// makes of the configurations in config. It builds kubeadm from a module that pins a patch
// of that version: of the newest one, that of the lab.
//
// A dry run of kubeadm needs no cluster and no root, and changes nothing on the machine.
// What it cannot show is a member that joins others, since it would ask these for their
// names: joined calls the same function of kubeadm with names that it is given.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// limit is for all of it: most of it goes into building kubeadm.
const limit = 2 * time.Hour

func main() {
	at := flag.String("root", ".", "folder of the module")
	flag.Parse()
	root, err := filepath.Abs(*at)
	if err != nil {
		fmt.Fprintln(os.Stderr, "kubeadm:", err)
		os.Exit(1)
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	for _, m := range minors() {
		if flag.NArg() > 0 && flag.Arg(0) != m.name {
			continue
		}
		if err := m.write(ctx, root); err != nil {
			fmt.Fprintln(os.Stderr, "kubeadm", m.name+":", err)
			os.Exit(1)
		}
	}
}

// minor is a minor version of Kubernetes, and the module in which its patch is pinned.
type minor struct{ name, module string }

func minors() []minor {
	return []minor{
		{"v1.34", "test/kubeadm/v1.34"},
		{"v1.35", "test/kubeadm/v1.35"},
		{"v1.36", "test/kubeadm/v1.36"},
		{"v1.37", "test/lab/kubernetes"},
	}
}

// write makes the folder of a minor version in testdata.
func (m minor) write(ctx context.Context, root string) error {
	temp, err := os.MkdirTemp("", "kubeadm-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	r, err := build(ctx, root, m.module)
	if err != nil {
		return err
	}
	out := filepath.Join(root, "test", "kubeadm", "testdata", m.name)
	if err := os.RemoveAll(out); err != nil {
		return err
	}
	for _, shape := range []string{"plain", "custom", "ipv6"} {
		config, err := os.ReadFile(filepath.Join(root, "test", "kubeadm", "config", shape+".yaml"))
		if err != nil {
			return err
		}
		if err := r.writeShape(ctx, temp, filepath.Join(out, shape), config); err != nil {
			return fmt.Errorf("%s: %w", shape, err)
		}
	}
	return nil
}
