package apiserver

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"

	"github.com/etcd-restore/etcd-restore/pkg/internal/hint"
	"github.com/etcd-restore/etcd-restore/pkg/staticpod"
)

// LocalServer is the URL of the API server that a static pod runs: the node's own
// one, whatever stands before it.
func LocalServer(m *staticpod.Manifest) (string, error) {
	flags, err := serverFlags(m)
	if err != nil {
		return "", err
	}
	ip, err := listenAddress(flags)
	if err != nil {
		return "", err
	}
	port, err := value(flags, "secure-port")
	if err != nil {
		return "", err
	}
	if port == "" {
		port = "6443"
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return "", fmt.Errorf("%w: --secure-port=%s", ErrAddress, port)
	}
	return "https://" + net.JoinHostPort(ip.String(), port), nil
}

// listenAddress is where the API server listens and what its certificate names.
// It listens at every address unless it is told one, and then nowhere else.
func listenAddress(flags staticpod.Flags) (netip.Addr, error) {
	for _, name := range []string{"bind-address", "advertise-address"} {
		text, err := value(flags, name)
		if err != nil {
			return netip.Addr{}, err
		}
		if text == "" {
			continue
		}
		ip, err := netip.ParseAddr(text)
		if err != nil {
			return netip.Addr{}, fmt.Errorf("%w: --%s=%s", ErrAddress, name, text)
		}
		if !ip.IsUnspecified() {
			return ip, nil
		}
	}
	return netip.Addr{}, hint.New(fmt.Errorf("%w: its manifest has no --advertise-address", ErrAddress), "give the URL of the node's own API server")
}

func serverFlags(m *staticpod.Manifest) (staticpod.Flags, error) {
	const program = "kube-apiserver"
	for i := range m.Pod.Containers {
		if c := &m.Pod.Containers[i]; c.Name == program || len(m.Pod.Containers) == 1 {
			return c.ProgramFlags(program)
		}
	}
	return staticpod.Flags{}, fmt.Errorf("%w: pod %s has no container %s", ErrAddress, m.Pod.Name, program)
}

func value(flags staticpod.Flags, name string) (string, error) {
	flag, err := flags.Get(name)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrAddress, err)
	}
	return flag.Value, nil
}
