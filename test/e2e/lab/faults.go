package lab

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/etcd-restore/etcd-restore/test/etcdtest"
)

// SpoilData destroys etcd's data while nothing runs, as a broken disk does: the
// database is noise, and the log is gone. Then the kubelet may try to start what cannot
// start.
func (n *Node) SpoilData(t etcdtest.T) {
	t.Helper()
	n.spoil(t, func() {})
}

// LoseData is SpoilData, and waits until etcd has crashed so many times.
func (n *Node) LoseData(t etcdtest.T, crashes int) {
	t.Helper()
	var wait func(int)
	n.spoil(t, func() { wait = n.crashes(t, "etcd") })
	// The start itself is the first of the containers that are counted.
	wait(crashes + 1)
}

func (n *Node) spoil(t etcdtest.T, stopped func()) {
	t.Helper()
	// It is where the manifest says: a restore has moved it.
	dir := strings.TrimSpace(n.Must(t, "awk", `$1 == "path:" { path = $2 } $1 == "name:" && $2 == "etcd-data" { dir = path } END { print dir }`, "/etc/kubernetes/manifests/etcd.yaml"))
	n.StopControlPlane(t)
	n.Shell(t, `test -f "$1"/member/snap/db && rm -rf "$1"/member/wal && head -c 1M /dev/urandom >"$1"/member/snap/db`, dir)
	stopped()
	n.StartControlPlane(t)
}

// CrashLoop gives etcd a flag that it does not know, and waits until it has crashed so
// many times. The API server, without etcd, follows.
func (n *Node) CrashLoop(t etcdtest.T, times int) {
	t.Helper()
	wait := n.crashes(t, "etcd")
	n.EditManifest(t, "etcd.yaml", func(text string) string {
		return strings.Replace(text, "    - etcd\n", "    - etcd\n    - --no-such-flag=1\n", 1)
	})
	wait(times)
}

// crashes returns what waits until the container of that name has been started so
// often since, in the pod that it was in or in a new one.
func (n *Node) crashes(t etcdtest.T, container string) (wait func(times int)) {
	t.Helper()
	before, err := n.starts(container)
	if err != nil {
		t.Fatalf("%v", err)
	}
	return func(times int) {
		t.Helper()
		// The back-off between them doubles from 10 s.
		err := Eventually(t.Context(), limit, func(context.Context) error {
			now, err := n.starts(container)
			most := 0
			for pod, count := range now {
				most = max(most, count-before[pod])
			}
			if err == nil && most < times {
				err = fmt.Errorf("%s crashed %d times, want %d", container, most, times)
			}
			return err
		})
		if err != nil {
			t.Fatalf("%v", err)
		}
	}
}

// starts is the number of the newest log of a container, for each pod that has one. The
// kubelet numbers them from 0 and does not keep them all.
func (n *Node) starts(container string) (map[string]int, error) {
	logs, err := filepath.Glob(filepath.Join(n.Disk("/var/log/pods"), "*", container, "*.log"))
	count := map[string]int{}
	for _, log := range logs {
		number, _ := strconv.Atoi(strings.TrimSuffix(filepath.Base(log), ".log"))
		pod := filepath.Dir(log)
		count[pod] = max(count[pod], number)
	}
	return count, err
}

// BreakImage names an image of etcd that the node does not have and cannot get.
func BreakImage(manifest string) string {
	lines := strings.SplitAfter(manifest, "\n")
	for i, line := range lines {
		if strings.HasPrefix(strings.TrimSpace(line), "image:") {
			lines[i] = strings.TrimRight(line, "\n") + "-nowhere\n"
		}
	}
	return strings.Join(lines, "")
}

// Comment puts comments, blank lines and unusual spaces into a manifest, none of which
// changes what it says.
func Comment(manifest string) string {
	text := "# Kept by the platform team. Ask before you change it.\n" + manifest
	text = strings.Replace(text, "spec:\n", "spec: # see the runbook\n\n", 1)
	text = strings.Replace(text, "  volumes:\n", "  # two of them\n  volumes:\n\n", 1)
	return strings.Replace(text, "    - etcd\n", "    - etcd # the program\n", 1)
}

// CRLF ends the lines as Windows does.
func CRLF(text string) string { return strings.ReplaceAll(text, "\n", "\r\n") }

// FillDisk leaves so many bytes on the file system of path. Room gives them back.
func (n *Node) FillDisk(t etcdtest.T, path string, leave int64) {
	t.Helper()
	n.Shell(t, `free=$(df --output=avail -B1 "$1" | tail -n 1); (( free > $2 ))
		fallocate -l $(( free - $2 )) "$1"/ballast`, path, strconv.FormatInt(leave, 10))
}

// Room deletes what FillDisk wrote.
func (n *Node) Room(t etcdtest.T, path string) {
	t.Helper()
	n.Must(t, "rm", "-f", path+"/ballast")
}

// OwnDisk moves etcd's data to a file system of their own, of that size, which is
// mounted at /var/lib/etcd. The node is booted for it.
func (n *Node) OwnDisk(t etcdtest.T, size string) {
	t.Helper()
	const data = "/var/lib/etcd"
	n.StopControlPlane(t)
	n.PowerOff(t)
	image := filepath.Join(n.lab.dir, "nodes", n.Name, "etcd.img")
	for _, args := range [][]string{
		{"truncate", "-s", size, image + ".part"},
		{"mkfs.ext4", "-q", "-m", "0", "-d", n.Disk(data), image + ".part"}, // with what is in that folder
		{"mv", image + ".part", image},
	} {
		cmd := exec.CommandContext(t.Context(), args[0], args[1:]...)
		cmd.WaitDelay = time.Minute
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
	if err := os.RemoveAll(filepath.Join(n.Disk(data), "member")); err != nil {
		t.Fatalf("%v", err)
	}
	n.PowerOn(t)
	n.Must(t, "mountpoint", data)
	n.Must(t, "chmod", "700", data)
	n.StartControlPlane(t)
}

// Stray leaves a copy of etcd's manifest in the kubelet's folder, as people do before
// they edit it.
func (n *Node) Stray(t etcdtest.T, name string) {
	t.Helper()
	n.Write(t, filepath.Join(ManifestDir, name), n.Read(t, ManifestDir+"/etcd.yaml"), 0o600)
}
