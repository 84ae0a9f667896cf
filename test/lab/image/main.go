// Command image writes a container image of one layer from files of this
// machine, as an archive that containerd imports: the lab has neither a registry
// nor Docker. The same files give the same bytes.
package main

import (
	"fmt"
	"os"
)

const usage = `usage: image OUT.tar NAME:TAG ENTRYPOINT|- PATH=FILE...`

func main() {
	if len(os.Args) < 5 {
		fmt.Fprintln(os.Stderr, usage)
		os.Exit(2)
	}
	if err := write(os.Args[1], os.Args[2], os.Args[3], os.Args[4:]); err != nil {
		fmt.Fprintln(os.Stderr, "image:", err)
		os.Exit(1)
	}
}
