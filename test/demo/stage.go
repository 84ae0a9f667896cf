package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/etcd-restore/etcd-restore/test/etcdtest"
)

// stage is the folder that everything happens in, and the narrator's voice.
type stage struct {
	etcdtest.T
	dir     string
	bin     string // of this project
	etcd    string // the directory of etcd and etcdctl
	tls     *etcdtest.TLS
	cluster *etcdtest.Cluster
	life    *etcdtest.Kubernetes
	burnt   []uint64 // member IDs of the old cluster
	scenes  int
	began   time.Time
}

func newStage(t etcdtest.T) *stage {
	bin, err := filepath.Abs("bin")
	if err == nil {
		_, err = os.Stat(filepath.Join(bin, "etcdctl-snapshot-x"))
	}
	if err != nil {
		t.Fatalf("%v (run it with `make demo`)", err)
	}
	fmt.Println("Building etcd 3.7 from its own modules, unless that was done before (it takes minutes once) ...")
	s := &stage{T: t, bin: bin, etcd: filepath.Dir(etcdtest.Binary(t, etcdtest.V37, "etcd")), began: time.Now()}
	s.dir = t.TempDir()
	pki := filepath.Join(s.dir, "pki")
	if err := os.Mkdir(pki, 0o700); err != nil {
		t.Fatalf("%v", err)
	}
	s.tls = etcdtest.WriteTLS(t, pki)
	s.cluster = etcdtest.New(t, etcdtest.Config{Version: etcdtest.V37, Size: 3, TLS: s.tls})
	for _, m := range s.cluster.Members {
		m.DataDir = filepath.Join(s.dir, m.Name+".etcd")
	}
	return s
}

// scene opens the next part of the story.
func (s *stage) scene(title string, lines ...string) {
	s.scenes++
	fmt.Printf("\n%d. %s\n\n", s.scenes, title)
	for _, line := range lines {
		fmt.Println("   " + line)
	}
	if len(lines) > 0 {
		fmt.Println()
	}
}

// typed shows a command line, with a line break before a flag where it is long.
func (s *stage) typed(words ...string) {
	line := "$ " + words[0]
	for _, word := range words[1:] {
		if last := line[strings.LastIndex(line, "\n")+1:]; strings.HasPrefix(word, "--") && len(last) > 64 {
			line += " \\\n    "
		}
		line += " " + word
	}
	fmt.Println("   " + strings.ReplaceAll(line, "\n", "\n   "))
}

// run types a command in the stage's folder and shows what it prints. It has
// to succeed.
func (s *stage) run(words ...string) {
	s.typed(words...)
	cmd := exec.CommandContext(s.Context(), s.program(words[0]), words[1:]...)
	cmd.Dir = s.dir
	cmd.Env = append(os.Environ(), s.environment()...)
	out, err := cmd.CombinedOutput()
	for line := range strings.Lines(string(out)) {
		fmt.Print("   " + line)
	}
	if err != nil {
		s.Fatalf("%s: %v", strings.Join(words, " "), err)
	}
}

func (s *stage) program(name string) string {
	if strings.HasPrefix(name, "etcdctl-") {
		return filepath.Join(s.bin, name)
	}
	return filepath.Join(s.etcd, name)
}

// environment holds etcdctl's variables, which our command understands too.
func (s *stage) environment() []string {
	return []string{
		"ETCDCTL_ENDPOINTS=" + strings.Join(s.cluster.Endpoints(), ","),
		"ETCDCTL_CACERT=pki/ca.crt",
		"ETCDCTL_CERT=pki/client.crt",
		"ETCDCTL_KEY=pki/client.key",
	}
}

// proved states a fact that was checked.
func (s *stage) proved(format string, args ...any) {
	fmt.Printf("   ok  "+format+"\n", args...)
}

// gap separates what was typed from what was proved.
func (s *stage) gap() { fmt.Println() }

func (s *stage) curtain() {
	fmt.Printf("\nAll of it in %.0f s. The servers and their folder %s go away now.\n", time.Since(s.began).Seconds(), s.dir)
}
