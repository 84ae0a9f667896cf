package snapshotx

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/etcd-restore/etcd-restore/pkg/evidence"
	"github.com/etcd-restore/etcd-restore/pkg/revision"
	"github.com/etcd-restore/etcd-restore/pkg/snapshot"
)

// survey is what was read, what could not be, and what follows.
type survey struct {
	sources []evidence.Source // the snapshot of --for first
	failed  []unread          // in the order in which they were given
	restore string            // path of --for
	base    *base             // of it, if it could be read
	proof   *revision.Proof   // for base, if everything could be read
}

// base is the snapshot that is to be restored.
type base struct {
	evidence.Source
	sum     string // SHA-256 of its database, in hex
	trailer bool   // the file ends in it
}

// unread is a source that could not be read.
type unread struct {
	source string
	err    error
}

// gather reads every source. The error is an interruption.
func (o *RevisionOptions) gather(ctx context.Context) (*survey, error) {
	numbers, err := readNumbers(o.SeenRevisions)
	if err != nil {
		return nil, err
	}
	found := &survey{restore: o.For}
	if o.For != "" {
		b, err := readBase(ctx, o.For)
		if found.add(o.For, b.Source, err) {
			found.base = &b
		}
	}
	found.sources = append(found.sources, numbers...)
	args := distinct(o.Sources)
	live := o.askLive(ctx, slices.DeleteFunc(slices.Clone(args), func(arg string) bool { return !isEndpoint(arg) }))
	for _, arg := range args {
		if err := ctx.Err(); errors.Is(err, context.Canceled) {
			return nil, err
		}
		read := live[arg]
		if read == nil {
			read = func() (evidence.Source, error) { return readPath(ctx, arg) }
		}
		s, err := read()
		found.add(arg, s, err)
	}
	if err := ctx.Err(); errors.Is(err, context.Canceled) {
		return nil, err
	}
	return found, nil
}

// distinct drops what is given again.
func distinct(args []string) []string {
	var list []string
	for _, arg := range args {
		for _, one := range apart(arg) {
			if !slices.Contains(list, one) {
				list = append(list, one)
			}
		}
	}
	return list
}

// apart takes an argument apart that is a list of members as --endpoints has it.
func apart(arg string) []string {
	var members []string
	for part := range strings.SplitSeq(arg, ",") {
		part = strings.TrimSpace(part)
		if !isEndpoint(part) {
			return []string{arg}
		}
		members = append(members, part)
	}
	return members
}

// add notes what became of a source, and reports whether it could be read.
func (s *survey) add(name string, source evidence.Source, err error) bool {
	if err != nil {
		s.failed = append(s.failed, unread{name, err})
		return false
	}
	s.sources = append(s.sources, source)
	return true
}

// isEndpoint tells a member's URL or host:port from a path.
func isEndpoint(arg string) bool {
	if strings.Contains(arg, "://") {
		return true
	}
	_, port, err := net.SplitHostPort(arg)
	if err != nil {
		return false
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return false
	}
	_, err = os.Lstat(arg)
	return errors.Is(err, os.ErrNotExist)
}

// readPath reads a data directory or a snapshot.
func readPath(ctx context.Context, arg string) (evidence.Source, error) {
	dir, _ := splitDataDir(arg)
	if info, err := os.Stat(dir); err == nil && info.IsDir() {
		return readDataDir(ctx, arg)
	}
	return evidence.FromSnapshot(arg)
}

// readBase reads the snapshot of --for. The bump is counted from its revision
// and fits no other file, so its hash goes with it.
func readBase(ctx context.Context, path string) (base, error) {
	f, err := snapshot.Open(path)
	if err != nil {
		return base{}, err
	}
	defer f.Close()
	s, err := evidence.Of(f)
	if err != nil {
		return base{}, err
	}
	b := base{Source: s, trailer: f.HasTrailer()}
	if b.trailer {
		b.sum, err = f.ClaimedSHA256()
	} else {
		b.sum, _, err = f.Digest(ctx)
	}
	return b, err
}

// askLive asks the live members, all at once, and returns their answers.
func (o *RevisionOptions) askLive(ctx context.Context, endpoints []string) map[string]func() (evidence.Source, error) {
	answers := map[string]func() (evidence.Source, error){}
	if len(endpoints) == 0 {
		return answers
	}
	members, err := askMembers(ctx, *o.Connection, o.streams, endpoints)
	for i, endpoint := range endpoints {
		answers[endpoint] = func() (evidence.Source, error) {
			switch {
			case err != nil:
				return evidence.Source{}, err
			case members[i].Err != nil:
				return evidence.Source{}, members[i].Err
			}
			return memberSource(members[i]), nil
		}
	}
	return answers
}

// seen is the evidence: every source but the snapshot that is to be restored.
func (s *survey) seen() []revision.Evidence {
	if s.base != nil {
		return evidenceOf(s.sources[1:])
	}
	return evidenceOf(s.sources)
}

// decide settles the bump as a restore does.
func (s *survey) decide(now time.Time) error {
	p, err := evidence.Auto(s.base.Source, s.seen(), now)
	if err != nil {
		return fmt.Errorf("no bump for %s: %w", s.base.Name, err)
	}
	s.proof = &p
	return nil
}

// err is what could not be read, nil if everything was.
func (s *survey) err() error {
	if len(s.failed) == 0 {
		return nil
	}
	return unreadError(s.failed)
}

// unreadError stands for several errors. Exit code and hint are the first one's.
type unreadError []unread

func (u unreadError) Unwrap() error { return u[0].err }

func (u unreadError) Error() string {
	if len(u) == 1 {
		return u[0].String()
	}
	lines := []string{fmt.Sprintf("%d sources could not be read:", len(u))}
	for _, one := range u {
		lines = append(lines, "  "+one.String())
	}
	return strings.Join(lines, "\n")
}

// String is the error, which names its source.
func (u unread) String() string {
	if strings.Contains(u.err.Error(), u.source) {
		return u.err.Error()
	}
	return u.source + ": " + u.err.Error()
}
