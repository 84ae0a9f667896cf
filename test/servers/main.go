// Command servers builds the etcd servers that the tests run, if the cache does
// not hold them yet, and prints where they are. The versions are those of the
// nested modules beside this file; tests build what they miss by themselves.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/etcd-restore/etcd-restore/test/etcdtest"
)

func main() {
	for _, v := range []etcdtest.Version{etcdtest.V35, etcdtest.V36, etcdtest.V37} {
		dir, err := etcdtest.Build(context.Background(), v)
		if err != nil {
			fmt.Fprintf(os.Stderr, "build etcd %s: %v\n", v, err)
			os.Exit(1)
		}
		fmt.Printf("etcd %s: %s\n", v, dir)
	}
}
