package rendezvous

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/etcd-restore/etcd-restore/pkg/internal/hint"
)

// Client asks other nodes.
type Client struct {
	Member string // who asks, for Listener.Heard; may be ""
	http   *http.Client
}

// dialTimeout is how long a connection may take within patience.
const dialTimeout = 2 * time.Second

// NewClient reads the certificates. Nobody is asked yet.
func NewClient(files Files) (*Client, error) {
	cfg, err := files.config()
	if err != nil {
		return nil, err
	}
	return &Client{http: &http.Client{
		Transport: &http.Transport{
			Proxy:                  nil, // peers of etcd are in reach
			DialContext:            (&net.Dialer{Timeout: dialTimeout}).DialContext,
			TLSClientConfig:        cfg,
			DisableKeepAlives:      true, // who answers next may be another program
			MaxResponseHeaderBytes: 8 << 10,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// Ask asks the node that has a peer URL of etcd, such as https://10.0.0.12:2380,
// for its state.
func (c *Client) Ask(ctx context.Context, peerURL string) (State, error) {
	u, err := url.Parse(peerURL)
	if err != nil || u.Scheme != "https" || u.Port() == "" || u.Hostname() == "" || u.User != nil {
		return State{}, hint.New(fmt.Errorf("%w: %q", ErrAddress, peerURL), "peer URLs are like https://10.0.0.12:2380")
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	s, err := c.ask(ctx, &url.URL{Scheme: u.Scheme, Host: u.Host})
	if err != nil {
		return State{}, fmt.Errorf("%s: %w", peerURL, err)
	}
	return s, nil
}

func (c *Client) ask(ctx context.Context, peer *url.URL) (State, error) {
	header, text, err := c.get(ctx, peer.JoinPath(statePath))
	if err != nil {
		return State{}, err
	}
	if header.Get("Content-Type") == contentType {
		return decode(text)
	}
	header, _, err = c.get(ctx, peer.JoinPath("/members"))
	if err != nil {
		return State{}, err
	}
	id, err := strconv.ParseUint(header.Get("X-Etcd-Cluster-ID"), 16, 64)
	if err != nil || id == 0 {
		return State{}, hint.New(ErrStranger, "see what listens there: ss -ltnp")
	}
	return State{ClusterID: id}, nil
}

// get returns an answer, of whatever kind.
func (c *Client) get(ctx context.Context, u *url.URL) (http.Header, []byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrAddress, err)
	}
	if c.Member != "" {
		request.Header.Set(memberHeader, c.Member)
	}
	response, err := c.http.Do(request)
	if err != nil {
		return nil, nil, explain(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	if err != nil {
		return nil, nil, explain(err)
	}
	if response.StatusCode != http.StatusOK || len(text) > maxAnswer {
		response.Header.Del("Content-Type") // it is no state
	}
	return response.Header, text, nil
}

// explain words an error of a connection.
func explain(err error) error {
	if asked := (*url.Error)(nil); errors.As(err, &asked) {
		err = asked.Err // the URL has been said
	}
	var (
		verify   *tls.CertificateVerificationError
		unknown  x509.UnknownAuthorityError
		received *net.OpError
	)
	switch {
	case errors.As(err, &verify), errors.As(err, &unknown):
		return hint.New(fmt.Errorf("%w: %w", ErrUntrusted, err), "etcd's peer certificate of that node has to name its address and be in force: kubeadm certs check-expiration")
	case errors.As(err, &received) && received.Op == "remote error":
		return hint.New(fmt.Errorf("%w: %w", ErrUntrusted, err), "all nodes need etcd certificates of one authority: compare /etc/kubernetes/pki/etcd/ca.crt")
	default:
		return hint.New(fmt.Errorf("%w: %w", ErrUnreachable, err), "see whether the restore runs on that node, and whether firewalls let etcd's peers through")
	}
}
