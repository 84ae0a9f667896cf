package staticpod_test

import (
	"errors"
	"io/fs"
	"strings"
	"testing"

	"github.com/etcd-restore/etcd-restore/pkg/internal/yamledit"
	"github.com/etcd-restore/etcd-restore/pkg/staticpod"
)

// pod is a manifest of an etcd with the given words of its container and volumes.
func pod(container, volumes string) string {
	return "apiVersion: v1\nkind: Pod\nmetadata: {name: etcd, namespace: kube-system}\nspec:\n  containers:\n  - name: etcd\n" +
		indent("    ", container) + "  volumes:\n" + indent("    ", volumes)
}

func indent(by, text string) string {
	var b strings.Builder
	for line := range strings.Lines(strings.Trim(text, "\n") + "\n") {
		b.WriteString(by + line)
	}
	return b.String()
}

func TestStorage(t *testing.T) {
	t.Parallel()
	const one = "- {name: d, hostPath: {path: /host/}}"
	for name, tc := range map[string]struct{ container, volumes, data, wal string }{
		"innermost mount": {
			"command: [etcd, --data-dir=/a/b/c]\nvolumeMounts: [{name: d, mountPath: /a}, {name: e, mountPath: /a/b/}, {name: f, mountPath: /a/bb}]",
			one + "\n- {name: e, hostPath: {path: /inner}}\n- {name: f, hostPath: {path: /f}}", "/inner/c", "",
		},
		"sub-path":                  {"command: [etcd, --data-dir, /a/b]\nvolumeMounts: [{name: d, mountPath: /a, subPath: x/y}]", one, "/host/x/y/b", ""},
		"root of the file system":   {"command: [etcd, -data-dir=/a]\nvolumeMounts: [{name: d, mountPath: /}]", one, "/host/a", ""},
		"args alone":                {"args: [--data-dir=/a, --client-cert-auth]\nvolumeMounts: [{name: d, mountPath: /a}]", one, "/host", ""},
		"the last flag counts":      {"command: [/usr/local/bin/etcd, --data-dir=/x]\nargs: [--data-dir=/a]\nvolumeMounts: [{name: d, mountPath: /a}]", one, "/host", ""},
		"environment":               {"env: [{name: ETCD_DATA_DIR, value: /a}]\nvolumeMounts: [{name: d, mountPath: /a}]", one, "/host", ""},
		"flag before environment":   {"command: [etcd, --data-dir=/a]\nenv: [{name: ETCD_DATA_DIR, value: /x}]\nvolumeMounts: [{name: d, mountPath: /a}]", one, "/host", ""},
		"empty environment":         {"command: [etcd]\nworkingDir: /a\nenv: [{name: ETCD_DATA_DIR, value: ''}, {name: ETCD_NAME, value: m}]\nvolumeMounts: [{name: d, mountPath: /a}]", one, "/host/m.etcd", ""},
		"variables":                 {"command: [etcd, --data-dir=$(DIR)/$$(x)]\nenv: [{name: TOP, value: /a}, {name: DIR, value: $(TOP)/b}]\nvolumeMounts: [{name: d, mountPath: /a}]", one, "/host/b/$(x)", ""},
		"log in the data directory": {"command: [etcd, --data-dir=/a, --wal-dir=/a/member/wal]\nvolumeMounts: [{name: d, mountPath: /a}]", one, "/host", ""},
		"log below the data":        {"command: [etcd, --data-dir=/a, --wal-dir=/a/w]\nvolumeMounts: [{name: d, mountPath: /a}]", one, "/host", "/host/w"},
		"log in a volume inside": {
			"command: [etcd, --data-dir=/a, --wal-dir=/a/w]\nvolumeMounts: [{name: d, mountPath: /a}, {name: e, mountPath: /a/w}]",
			one + "\n- {name: e, hostPath: {path: /fast}}", "/host", "/fast",
		},
		"shared mapping": {"command: [etcd, --data-dir=/a]\nvolumeMounts:\n- &m {name: d, mountPath: /a}", "- {name: d, hostPath: &h {path: /host}}\n- {name: e, hostPath: *h}", "/host", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, err := parse(t, pod(tc.container, tc.volumes)).Storage()
			if err != nil {
				t.Fatal(err)
			}
			wal := ""
			if s.WAL != nil {
				wal = s.WAL.HostPath()
			}
			if s.Data.HostPath() != tc.data || wal != tc.wal {
				t.Errorf("data in %q, log in %q, want %q and %q", s.Data.HostPath(), wal, tc.data, tc.wal)
			}
		})
	}
}

func TestStorageRefuses(t *testing.T) {
	t.Parallel()
	const one = "- {name: d, hostPath: {path: /host}}"
	const mounted = "\nvolumeMounts: [{name: d, mountPath: /a}]"
	for name, tc := range map[string]struct {
		container, volumes string
		want               error
	}{
		"configuration file":         {"command: [etcd, --config-file=/etc/etcd.yaml, --data-dir=/a]" + mounted, one, staticpod.ErrConfigFile},
		"configuration file by env":  {"command: [etcd, --data-dir=/a]\nenv: [{name: ETCD_CONFIG_FILE, value: /c}]" + mounted, one, staticpod.ErrConfigFile},
		"shell":                      {"command: [sh, -c, exec etcd --data-dir=/a]" + mounted, one, staticpod.ErrWrapped},
		"a word that is no flag":     {"command: [etcd, --data-dir=/a, x]" + mounted, one, staticpod.ErrManifest},
		"default directory":          {"command: [etcd]" + mounted, one, staticpod.ErrNotOnHost},
		"no mount":                   {"command: [etcd, --data-dir=/aa]" + mounted, one, staticpod.ErrNotOnHost},
		"no hostPath":                {"command: [etcd, --data-dir=/a]" + mounted, "- {name: d, emptyDir: {}}", staticpod.ErrNotOnHost},
		"no volume":                  {"command: [etcd, --data-dir=/a]" + mounted, "- {name: x, emptyDir: {}}", staticpod.ErrManifest},
		"value from the kubelet":     {"command: [etcd, --data-dir=/a/$(IP)]\nenv: [{name: IP, valueFrom: {fieldRef: {fieldPath: status.hostIP}}}]" + mounted, one, staticpod.ErrUnknown},
		"name from the kubelet":      {"command: [etcd]\nworkingDir: /a\nenv: [{name: ETCD_NAME, valueFrom: {fieldRef: {fieldPath: spec.nodeName}}}]" + mounted, one, staticpod.ErrUnknown},
		"sub-path from the kubelet":  {"command: [etcd, --data-dir=/a]\nvolumeMounts: [{name: d, mountPath: /a, subPathExpr: $(X)}]", one, staticpod.ErrUnknown},
		"a mount hides the new data": {"command: [etcd, --data-dir=/a]\nvolumeMounts: [{name: d, mountPath: /a}, {name: e, mountPath: /a/member/wal}]", one + "\n- {name: e, hostPath: {path: /fast}}", staticpod.ErrShared},
		"more environment":           {"command: [etcd, --data-dir=/a]\nenvFrom: [{configMapRef: {name: x}}]" + mounted, one, staticpod.ErrUnknown},
		"two of them":                {"command: [etcd, --data-dir=/a]" + mounted + "\n- {name: second, command: [/bin/etcd]}", one, staticpod.ErrSeveral},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text := pod(tc.container, tc.volumes)
			text = strings.ReplaceAll(text, "    - {name: second", "  - {name: second")
			if s, err := parse(t, text).Storage(); !errors.Is(err, tc.want) {
				t.Errorf("got %+v, %v, want %v", s, err, tc.want)
			}
		})
	}
}

func TestEditsRefuse(t *testing.T) {
	t.Parallel()
	const one = "- {name: d, hostPath: {path: /host}}"
	for name, tc := range map[string]struct {
		container, volumes, data, wal string
		want                          error
	}{
		"below a larger volume":    {"command: [etcd, --data-dir=/a/data]\nvolumeMounts: [{name: d, mountPath: /a}]", one, "/host/new", "", staticpod.ErrBelow},
		"below, and nothing above": {"command: [etcd, --data-dir=/a/data]\nvolumeMounts: [{name: d, mountPath: /a}]", one, "/data", "", staticpod.ErrBelow},
		"sub-path":                 {"command: [etcd, --data-dir=/a]\nvolumeMounts: [{name: d, mountPath: /a, subPath: s}]", one, "/host/new", "", staticpod.ErrBelow},
		"another mount":            {"command: [etcd, --data-dir=/a]\nvolumeMounts: [{name: d, mountPath: /a}, {name: d, mountPath: /b, subPath: x}]", one, "/new", "", staticpod.ErrShared},
		"certificates beside it":   {"command: [etcd, --data-dir=/a/data, --cert-file=/a/pki/x.crt]\nvolumeMounts: [{name: d, mountPath: /a}]", one, "/new/data", "", staticpod.ErrShared},
		"certificates by env":      {"command: [etcd, --data-dir=/a]\nenv: [{name: ETCD_KEY_FILE, value: /a/x}]\nvolumeMounts: [{name: d, mountPath: /a}]", one, "/new", "", staticpod.ErrShared},
		"log elsewhere":            {"command: [etcd, --data-dir=/a/data, --wal-dir=/a/wal]\nvolumeMounts: [{name: d, mountPath: /a}]", one, "/new/data", "/else/wal", staticpod.ErrBelow},
		"log not asked for":        {"command: [etcd, --data-dir=/a]\nvolumeMounts: [{name: d, mountPath: /a}]", one, "/new", "/newwal", staticpod.ErrBelow},
		"log forgotten":            {"command: [etcd, --data-dir=/a, --wal-dir=/w]\nvolumeMounts: [{name: d, mountPath: /a}, {name: e, mountPath: /w}]", one + "\n- {name: e, hostPath: {path: /fast}}", "/new", "", staticpod.ErrNotOnHost},
		"relative":                 {"command: [etcd, --data-dir=/a]\nvolumeMounts: [{name: d, mountPath: /a}]", one, "new", "", staticpod.ErrNotOnHost},
		"not clean":                {"command: [etcd, --data-dir=/a]\nvolumeMounts: [{name: d, mountPath: /a}]", one, "/x/../new", "", staticpod.ErrNotOnHost},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := parse(t, pod(tc.container, tc.volumes))
			s, err := m.Storage()
			if err != nil {
				t.Fatal(err)
			}
			edits, err := m.Edits(s, tc.data, tc.wal)
			if !errors.Is(err, tc.want) || edits != nil {
				t.Errorf("got %+v, %v, want %v", edits, err, tc.want)
			}
			if hint := (interface{ Hint() string })(nil); tc.want == staticpod.ErrShared && !errors.As(err, &hint) {
				t.Error("there is no hint")
			}
		})
	}
}

// Init containers and others of the pod would move along.
func TestOtherContainersShare(t *testing.T) {
	t.Parallel()
	text := pod("command: [etcd, --data-dir=/a]\nvolumeMounts: [{name: d, mountPath: /a}]", "- {name: d, hostPath: {path: /host}}") +
		"  initContainers:\n  - {name: chown, volumeMounts: [{name: d, mountPath: /x}]}\n"
	m := parse(t, text)
	s, err := m.Storage()
	if err != nil || len(s.Data.Others) != 1 || s.Data.Others[0] != `container "chown" at /x` {
		t.Errorf("others are %v, %v", s.Data.Others, err)
	}
}

func TestApplyRefuses(t *testing.T) {
	t.Parallel()
	const container = "command: [etcd, --data-dir=/a]\nvolumeMounts: [{name: d, mountPath: /a}]"
	for name, tc := range map[string]struct {
		volumes string
		edit    staticpod.Edit
		want    error
	}{
		"another path":    {"- {name: d, hostPath: {path: /host}}", staticpod.Edit{Volume: "d", From: "/else", To: "/new"}, staticpod.ErrChanged},
		"another volume":  {"- {name: d, hostPath: {path: /host}}", staticpod.Edit{Volume: "e", From: "/host", To: "/new"}, staticpod.ErrChanged},
		"no volume":       {"- {name: d, emptyDir: {}}", staticpod.Edit{Volume: "e", To: "/new"}, staticpod.ErrChanged},
		"shared mapping":  {"- {name: d, hostPath: &h {path: /host}}\n- {name: e, hostPath: *h}", staticpod.Edit{Volume: "d", From: "/host", To: "/new"}, yamledit.ErrShared},
		"alias of it":     {"- {name: d, hostPath: &h {path: /host}}\n- {name: e, hostPath: *h}", staticpod.Edit{Volume: "e", From: "/host", To: "/new"}, yamledit.ErrShared},
		"control letters": {"- {name: d, hostPath: {path: /host}}", staticpod.Edit{Volume: "d", From: "/host", To: "/new\x1b[2J"}, yamledit.ErrValue},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if m, err := parse(t, pod(container, tc.volumes)).Apply(tc.edit); !errors.Is(err, tc.want) || m != nil {
				t.Errorf("got %v, want %v", err, tc.want)
			}
		})
	}
}

// An alias of the path is replaced; whoever else uses it keeps its value.
func TestAliasOfThePath(t *testing.T) {
	t.Parallel()
	text := pod("command: [etcd, --data-dir=/a]\nvolumeMounts: [{name: d, mountPath: /a}]",
		"- {name: first, hostPath: {path: &p /host}}\n- {name: d, hostPath: {path: *p }} # here")
	m, err := parse(t, text).Apply(staticpod.Edit{Volume: "d", From: "/host", To: "/new"})
	if err != nil {
		t.Fatal(err)
	}
	if want := strings.Replace(text, "path: *p ", "path: /new ", 1); string(m.Bytes()) != want {
		t.Errorf("got\n%s", m.Bytes())
	}
	if v := m.Pod.Volumes; v[0].HostPath != "/host" || v[1].HostPath != "/new" {
		t.Errorf("volumes are %+v", v)
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"empty":               "",
		"a list of pods":      "apiVersion: v1\nkind: PodList\nitems: []\n",
		"a deployment":        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: x}\n",
		"no name":             "apiVersion: v1\nkind: Pod\nmetadata: {}\n",
		"two pods":            "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\n---\napiVersion: v1\nkind: Pod\nmetadata: {name: b}\n",
		"a number as word":    pod("command: [etcd, --quota-backend-bytes, 8589934592]", "[]"),
		"a word for no":       pod("command: [etcd, --name, no]", "[]"),
		"containers no list":  "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: {}}\n",
		"labels no mapping":   "apiVersion: v1\nkind: Pod\nmetadata: {name: a, labels: []}\n",
		"two volumes, a name": pod("command: [etcd]", "- {name: d, emptyDir: {}}\n- {name: d, hostPath: {path: /x}}"),
		"text":                "hello\n",
		"saved by an editor":  "\x00\x01\x02",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := staticpod.Parse([]byte(text)); !errors.Is(err, staticpod.ErrManifest) {
				t.Errorf("got %v, want ErrManifest", err)
			}
		})
	}
}

func TestDefaults(t *testing.T) {
	t.Parallel()
	c, err := parse(t, pod("command: [etcd, --name=m0, '--initial-advertise-peer-urls=http://a:1,http://b:2']", "[]")).Etcd()
	if err != nil {
		t.Fatal(err)
	}
	flags, err := c.EtcdFlags()
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"initial-cluster": "m0=http://a:1,m0=http://b:2", "data-dir": "m0.etcd", "wal-dir": "", "listen-client-urls": "http://localhost:2379",
	} {
		if flag, err := flags.Get(name); err != nil || flag.Value != want || flag.Source != staticpod.FromDefault {
			t.Errorf("--%s is %+v, %v", name, flag, err)
		}
	}
}

// The other programs of the control plane have flags, too, but neither etcd's
// environment nor its defaults.
func TestProgramFlags(t *testing.T) {
	t.Parallel()
	m := parse(t, pod("command: [kube-apiserver, --encryption-provider-config=/etc/enc.yaml, --secure-port, '6443']\nenv: [{name: ETCD_NAME, value: x}]", "[]"))
	flags, err := m.Pod.Containers[0].ProgramFlags("kube-apiserver")
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"encryption-provider-config": "/etc/enc.yaml", "secure-port": "6443", "name": "", "data-dir": ""} {
		if got := get(t, flags, name); got != want {
			t.Errorf("--%s is %q, want %q", name, got, want)
		}
	}
	if names := strings.Join(flags.Names(), " "); names != "encryption-provider-config secure-port" {
		t.Error(names)
	}
	if _, err := m.Pod.Containers[0].ProgramFlags("etcd"); !errors.Is(err, staticpod.ErrWrapped) {
		t.Errorf("got %v, want ErrWrapped", err)
	}
}

func TestHostPath(t *testing.T) {
	t.Parallel()
	m := parse(t, pod("command: [kube-apiserver, --x=y]\nvolumeMounts: [{name: d, mountPath: /etc/enc}, {name: e, mountPath: /etc/enc/in, subPath: s}]",
		"- {name: d, hostPath: {path: /host/enc/}}\n- {name: e, hostPath: {path: /e}}"))
	c, err := m.Program("kube-apiserver")
	if err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]string{"/etc/enc/a.yaml": "/host/enc/a.yaml", "/etc/enc/../enc/in/b": "/e/s/b", "/etc/enc": "/host/enc"} {
		if got, err := m.HostPath(c, file); err != nil || got != want {
			t.Errorf("%s is %q, %v, want %s", file, got, err, want)
		}
	}
	for _, file := range []string{"/etc/other", "a.yaml", "", "/etc/encrypted"} {
		if got, err := m.HostPath(c, file); !errors.Is(err, staticpod.ErrNotOnHost) {
			t.Errorf("%q is %q, %v, want ErrNotOnHost", file, got, err)
		}
	}
	if _, err := m.Program("kube-scheduler"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a scheduler: %v, want ErrNotExist", err)
	}
}
