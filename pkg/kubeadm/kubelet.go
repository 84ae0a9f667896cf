package kubeadm

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"strconv"
	"strings"

	"github.com/etcd-restore/etcd-restore/pkg/internal/yamledit"
)

// Kubelet is what matters here of the kubelet's configuration.
type Kubelet struct {
	StaticPodPath   string // as the node sees it
	RuntimeEndpoint string // of CRI, such as unix:///run/containerd/containerd.sock; "" if nothing tells
	Healthz         string // host and port at which it tells how it does; "" if it does not
}

// Kubelet reads the configuration that kubeadm wrote. Older kubeadms put the
// endpoint into a file of flags beside it, and to the kubelet a flag goes before.
func (n Node) Kubelet() (Kubelet, error) {
	text, err := n.readFile(n.Path("/var/lib/kubelet/config.yaml"))
	if err != nil {
		return Kubelet{}, fmt.Errorf("configuration of the kubelet: %w", err)
	}
	doc, err := yamledit.Parse(text)
	if err != nil {
		return Kubelet{}, fmt.Errorf("%w: the kubelet's: %w", ErrConfig, err)
	}
	var k Kubelet
	k.StaticPodPath, _ = doc.Root().Get("staticPodPath").Text()
	k.RuntimeEndpoint, _ = doc.Root().Get("containerRuntimeEndpoint").Text()
	k.Healthz = healthz(doc.Root())
	flags, err := n.readFile(n.Path("/var/lib/kubelet/kubeadm-flags.env"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return Kubelet{}, fmt.Errorf("flags of the kubelet: %w", err)
	}
	for word := range strings.FieldsFuncSeq(string(flags), func(r rune) bool { return strings.ContainsRune(" \"'\n", r) }) {
		if endpoint, ok := strings.CutPrefix(word, "--container-runtime-endpoint="); ok {
			k.RuntimeEndpoint = endpoint
		}
	}
	return k, nil
}

// healthz is the address in force: port 0 switches it off.
func healthz(config yamledit.Value) string {
	host, port := "127.0.0.1", int64(10248)
	if v, ok := config.Get("healthzPort").Int(); ok {
		port = v
	}
	if port <= 0 {
		return ""
	}
	if v, ok := config.Get("healthzBindAddress").Text(); ok && v != "" {
		host = v
	}
	if ip, err := netip.ParseAddr(host); err == nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	} else if err == nil && ip.Is6() {
		host = "[" + host + "]"
	}
	return host + ":" + strconv.FormatInt(port, 10)
}
