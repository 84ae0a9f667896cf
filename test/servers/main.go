// Command servers builds the etcd servers that the tests run, all of them or the
// minor versions it is given, if the cache does not hold them yet, and prints
// where they are. The versions are those of the nested modules beside this file;
// tests build what they miss by themselves.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/etcd-restore/etcd-restore/test/etcdtest"
)

func main() {
	versions := []etcdtest.Version{etcdtest.V35, etcdtest.V36, etcdtest.V37}
	if len(os.Args) > 1 {
		versions = nil
		for _, arg := range os.Args[1:] {
			versions = append(versions, etcdtest.Version(arg))
		}
	}
	for _, v := range versions {
		dir, err := etcdtest.Build(context.Background(), v)
		if err != nil {
			fmt.Fprintf(os.Stderr, "build etcd %s: %v\n", v, err)
			os.Exit(1)
		}
		fmt.Printf("etcd %s: %s\n", v, dir)
	}
}
