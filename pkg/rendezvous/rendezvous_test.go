package rendezvous_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/etcd-restore/etcd-restore/pkg/rendezvous"
	"github.com/etcd-restore/etcd-restore/test/etcdtest"
)

func TestAsk(t *testing.T) {
	t.Parallel()
	certs := etcdtest.NewTLS(t)
	n, c := start(t, certs, "127.0.0.1:0", "cp1"), client(t, certs)
	want := rendezvous.State{PlanSHA256: plan, Member: "cp1", Phase: "stop"}
	for range 2 {
		began := time.Now()
		got, err := c.Ask(t.Context(), n.url)
		if err != nil {
			t.Fatal(err)
		}
		if got.Time.Before(began) || got.Time.After(time.Now()) {
			t.Errorf("it was %s and is %s", began, got.Time)
		}
		got.Time = time.Time{}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		n.set(func(s *rendezvous.State) { s.Stopped, s.Aborted, s.Phase = true, true, "cutover" })
		want.Stopped, want.Aborted, want.Phase = true, true, "cutover"
	}
}

// Whoever was answered is known by the name that it gives.
func TestHeard(t *testing.T) {
	t.Parallel()
	certs := etcdtest.NewTLS(t)
	l, err := rendezvous.Listen("127.0.0.1:0", filesOf(certs))
	if err != nil {
		t.Fatal(err)
	}
	heard := make(chan string, 2)
	l.Heard = func(member string) { heard <- member }
	ended := make(chan error, 1)
	ctx, stop := context.WithCancel(t.Context())
	go func() {
		ended <- l.Serve(ctx, func() rendezvous.State {
			return rendezvous.State{PlanSHA256: plan, Member: "cp1", Phase: "back", Aborted: true, NoCommit: true}
		})
	}()
	c := client(t, certs)
	for _, name := range []string{"", "cp2"} { // who gives none is answered, too
		c.Member = name
		if s, err := c.Ask(bounded(t), "https://"+l.Address()); err != nil || !s.NoCommit {
			t.Errorf("%+v, %v", s, err)
		}
	}
	if got := <-heard; got != "cp2" {
		t.Errorf("heard by %q", got)
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// etcd can have the address as soon as Serve is back, whoever is connected still.
func TestAddressIsFreeAgain(t *testing.T) {
	t.Parallel()
	certs := etcdtest.NewTLS(t)
	n := start(t, certs, "127.0.0.1:0", "cp1")
	address := strings.TrimPrefix(n.url, "https://")
	idle, err := net.Dial("tcp", address) // says nothing, and is in nobody's way
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { idle.Close() })
	if _, err := client(t, certs).Ask(t.Context(), n.url); err != nil {
		t.Error(err)
	}
	_, err = rendezvous.Listen(address, filesOf(certs))
	check(t, err, rendezvous.ErrListen, address)
	n.stop()
	_ = idle.SetReadDeadline(time.Now().Add(10 * time.Second))
	if _, err := idle.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the connection is still there: %v", err)
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
}

func TestUnusableFiles(t *testing.T) {
	t.Parallel()
	certs, others := etcdtest.NewTLS(t), etcdtest.NewTLS(t)
	good := filesOf(certs)
	garbage := filepath.Join(t.TempDir(), "garbage")
	if err := os.WriteFile(garbage, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, f := range map[string]rendezvous.Files{
		"no certificate":      {Cert: "/nowhere", Key: good.Key, CA: good.CA},
		"key of another":      {Cert: good.Cert, Key: others.Key("peer"), CA: good.CA},
		"no authority":        {Cert: good.Cert, Key: good.Key, CA: "/nowhere"},
		"garbage":             {Cert: good.Cert, Key: good.Key, CA: garbage},
		"garbage certificate": {Cert: garbage, Key: good.Key, CA: good.CA},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := rendezvous.NewClient(f)
			check(t, err, rendezvous.ErrCertificate, "")
			_, err = rendezvous.Listen("127.0.0.1:0", f)
			check(t, err, rendezvous.ErrCertificate, "")
		})
	}
}

func TestWhoIsNotTrusted(t *testing.T) {
	t.Parallel()
	certs, others := etcdtest.NewTLS(t), etcdtest.NewTLS(t)
	n := start(t, certs, "127.0.0.1:0", "cp1")
	elsewhere := start(t, certs, "127.0.0.2:0", "cp2") // an address that its certificate does not name

	_, err := client(t, others).Ask(t.Context(), n.url)
	check(t, err, rendezvous.ErrUntrusted, n.url)
	_, err = client(t, certs).Ask(t.Context(), elsewhere.url)
	check(t, err, rendezvous.ErrUntrusted, "127.0.0.2")

	// Believes the server, and is not believed.
	mixed, err := rendezvous.NewClient(rendezvous.Files{Cert: others.Cert("peer"), Key: others.Key("peer"), CA: certs.CA()})
	if err != nil {
		t.Fatal(err)
	}
	_, err = mixed.Ask(t.Context(), n.url)
	check(t, err, rendezvous.ErrUntrusted, "remote error")
}

func TestNotAPeerURL(t *testing.T) {
	t.Parallel()
	c := client(t, etcdtest.NewTLS(t))
	for _, u := range []string{"", "127.0.0.1:2380", "http://127.0.0.1:2380", "https://127.0.0.1", "https://:2380", "https://u:p@127.0.0.1:2380", "unix://x:1", "https://[", "\x00"} {
		if _, err := c.Ask(t.Context(), u); !errors.Is(err, rendezvous.ErrAddress) {
			t.Errorf("%q: got %v", u, err)
		}
	}
}

func TestStrangers(t *testing.T) {
	t.Parallel()
	certs := etcdtest.NewTLS(t)
	c := client(t, certs)
	state := func(plan, member, phase string) http.HandlerFunc {
		return tell(fmt.Sprintf(`{"planSHA256":%q,"member":%q,"phase":%q}`, plan, member, phase))
	}
	members := func(id string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X-Etcd-Cluster-ID", id) }
	}
	for name, h := range map[string]http.HandlerFunc{
		"empty":            tell(""),
		"other JSON":       tell("[]"),
		"two documents":    tell(`{"planSHA256":"` + plan + `","member":"a","phase":"b"}{}`),
		"no plan":          state("", "cp1", "stop"),
		"short plan":       state(plan[2:], "cp1", "stop"),
		"no hexadecimal":   state("x"+plan[1:], "cp1", "stop"),
		"capital plan":     state(strings.ToUpper(plan), "cp1", "stop"),
		"no member":        state(plan, "", "stop"),
		"no phase":         state(plan, "cp1", ""),
		"control sequence": tell(`{"planSHA256":"` + plan + `","member":"a\u001b[2J","phase":"b"}`),
		"long member":      state(plan, strings.Repeat("x", 300), "stop"),
		"huge":             tell(`{"planSHA256":"` + plan + `","member":"a","phase":"b"` + strings.Repeat(" ", 1<<20) + `}`),
		"nothing there":    http.NotFound,
		"cluster 0":        members("0"),
		"no cluster ID":    members("xyz"),
		"too long an ID":   members("10000000000000000"),
		"error with state": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/vnd.etcd-restore.state.v1+json")
			w.WriteHeader(http.StatusInternalServerError)
			_, _ = io.WriteString(w, `{"planSHA256":"`+plan+`","member":"a","phase":"b"}`)
		},
		"elsewhere": func(w http.ResponseWriter, r *http.Request) {
			if strings.HasPrefix(r.URL.Path, "/x") {
				state(plan, "cp1", "stop")(w, r)
				return
			}
			http.Redirect(w, r, "/x"+r.URL.Path, http.StatusFound)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, err := c.Ask(t.Context(), stranger(t, certs, h))
			if !errors.Is(err, rendezvous.ErrStranger) || s != (rendezvous.State{}) {
				t.Errorf("got %+v, %v", s, err)
			}
			if err != nil && strings.Contains(err.Error(), "\x1b") {
				t.Errorf("%v", err)
			}
		})
	}
}

// A state that could not be told is not told by halves.
func TestStateThatCannotBeTold(t *testing.T) {
	t.Parallel()
	certs := etcdtest.NewTLS(t)
	n := start(t, certs, "127.0.0.1:0", "cp1")
	n.set(func(s *rendezvous.State) { s.Phase = "" })
	if s, err := client(t, certs).Ask(t.Context(), n.url); !errors.Is(err, rendezvous.ErrStranger) {
		t.Errorf("got %+v, %v", s, err)
	}
}

func TestSilence(t *testing.T) {
	t.Parallel()
	c := client(t, etcdtest.NewTLS(t))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	url := "https://" + l.Addr().String()
	began := time.Now()
	_, err = c.Ask(t.Context(), url)
	check(t, err, rendezvous.ErrUnreachable, url)
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("it took %s", took)
	}
	l.Close()
	_, err = c.Ask(t.Context(), url)
	check(t, err, rendezvous.ErrUnreachable, "connection refused")
}

func TestEtcdAtThePeerAddress(t *testing.T) {
	t.Parallel()
	for _, v := range etcdtest.Servers() {
		t.Run(string(v), func(t *testing.T) {
			t.Parallel()
			certs := etcdtest.NewTLS(t)
			cluster := etcdtest.New(t, etcdtest.Config{Version: v, TLS: certs})
			m := cluster.Members[0]
			c := client(t, certs)

			// First the restore has the address, then etcd.
			n := start(t, certs, strings.TrimPrefix(m.PeerURL, "https://"), m.Name)
			if s, err := c.Ask(t.Context(), m.PeerURL); err != nil || s.Member != m.Name || s.ClusterID != 0 {
				t.Errorf("got %+v, %v", s, err)
			}
			n.stop()
			cluster.Start(t)
			status, err := m.Client(t).Status(t.Context(), m.ClientURL)
			if err != nil {
				t.Fatal(err)
			}
			got, err := c.Ask(t.Context(), m.PeerURL)
			if diff := cmp.Diff(rendezvous.State{ClusterID: status.Header.ClusterId}, got); err != nil || diff != "" {
				t.Errorf("%v\n%s", err, diff)
			}
		})
	}
}
