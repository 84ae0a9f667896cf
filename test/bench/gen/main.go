// Command gen writes a snapshot for benchmarks and experiments.
package main

import (
	"flag"
	"fmt"
	"os"

	"github.com/etcd-restore/etcd-restore/test/bench/fixture"
)

func main() {
	o := fixture.TwoGiB()
	flag.IntVar(&o.Keys, "keys", o.Keys, "distinct live keys")
	flag.Int64Var(&o.Bytes, "bytes", o.Bytes, "size to aim at")
	flag.IntVar(&o.Later, "later", 0, "keys to write once more at the end")
	flag.Parse()
	if flag.NArg() != 1 {
		fmt.Fprintln(os.Stderr, "usage: gen [-keys N] [-bytes N] FILE")
		os.Exit(2)
	}
	if err := fixture.Write(flag.Arg(0), o); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}
