package main

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"

	"github.com/etcd-restore/etcd-restore/plugins/etcdrestore"
	"github.com/etcd-restore/etcd-restore/plugins/snapshotx"
)

func main() {
	cli := flag.String("cli", "docs/cli", "folder for what --help says")
	man := flag.String("man", "", "folder for man pages, if any")
	flag.Parse()
	if err := write(*cli, *man); err != nil {
		fmt.Fprintln(os.Stderr, "manual:", err)
		os.Exit(1)
	}
}

func write(cli, man string) error {
	for name, text := range pages() {
		if err := os.WriteFile(filepath.Join(cli, name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	if man == "" {
		return nil
	}
	for _, root := range roots(io.Discard) {
		// Without a date of its own the header would be of the day of the build.
		date := time.Unix(0, 0).UTC()
		root.DisableAutoGenTag = true
		err := doc.GenManTreeFromOpts(root, doc.GenManTreeOptions{
			Header: &doc.GenManHeader{Section: "1", Source: "etcd-restore", Manual: "etcd-restore", Date: &date}, Path: man, CommandSeparator: "-",
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// roots are the trees of both programs, whose help goes to out.
func roots(out io.Writer) []*cobra.Command {
	streams := etcdrestore.Streams{In: strings.NewReader(""), Out: out, ErrOut: out}
	return []*cobra.Command{etcdrestore.NewRoot(streams), snapshotx.NewRoot(streams)}
}

// pages are the files of docs/cli by name, one of each command.
func pages() map[string]string {
	var help bytes.Buffer
	all := map[string]string{}
	for _, root := range roots(&help) {
		addPages(all, root, &help)
	}
	return all
}

func addPages(all map[string]string, cmd *cobra.Command, help *bytes.Buffer) {
	help.Reset()
	_ = cmd.Help() // a buffer takes everything
	var page strings.Builder
	fmt.Fprintf(&page, "# %s\n\n```text\n%s\n```\n", cmd.CommandPath(), strings.TrimRight(help.String(), "\n"))
	if cmd.HasParent() {
		fmt.Fprintf(&page, "\nPart of [%s](%s).\n", cmd.Parent().CommandPath(), fileName(cmd.Parent()))
	}
	for i, sub := range shown(cmd) {
		if i == 0 {
			page.WriteString("\n")
		}
		fmt.Fprintf(&page, "- [%s](%s): %s\n", sub.CommandPath(), fileName(sub), sub.Short)
		defer addPages(all, sub, help)
	}
	all[fileName(cmd)] = page.String()
}

// shown are the commands below cmd that its help lists.
func shown(cmd *cobra.Command) (list []*cobra.Command) {
	for _, sub := range cmd.Commands() {
		if sub.IsAvailableCommand() && sub.Name() != "help" {
			list = append(list, sub)
		}
	}
	return list
}

func fileName(cmd *cobra.Command) string {
	return strings.ReplaceAll(cmd.CommandPath(), " ", "_") + ".md"
}
