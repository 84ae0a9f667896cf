package salvage

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/etcd-restore/etcd-restore/pkg/datadir"
	"github.com/etcd-restore/etcd-restore/pkg/internal/hint"
	"github.com/etcd-restore/etcd-restore/pkg/newfile"
)

// Examine holds the election and reports it. Nothing is written.
func Examine(ctx context.Context, cfg Config) (*Report, error) {
	e, err := prepare(ctx, cfg)
	defer e.close()
	if err != nil {
		return nil, err
	}
	r := e.report(cfg.Tail)
	r.Needs = missing(cfg, r)
	return r, e.winner.usable()
}

// Run writes a snapshot to cfg.Output, which appears once it is whole, verified
// and on disk. With an error after the election comes its report, too.
func Run(ctx context.Context, cfg Config) (*Report, error) {
	if cfg.Progress == nil {
		cfg.Progress = quiet{}
	}
	if err := checkOutput(cfg); err != nil {
		return nil, err
	}
	e, err := prepare(ctx, cfg)
	defer e.close()
	if err != nil {
		return nil, err
	}
	r := e.report(cfg.Tail)
	r.Needs = missing(cfg, r)
	if err := e.winner.usable(); err != nil {
		return r, err
	}
	if err := e.refuse(r); err != nil {
		return r, err
	}
	return r, e.write(ctx, cfg, r)
}

// checkOutput refuses an output that is there, or that would change a directory
// which is only to be read.
func checkOutput(cfg Config) error {
	if err := newfile.Check(cfg.Output, false); err != nil {
		return err
	}
	output := resolved(filepath.Dir(cfg.Output)) + string(filepath.Separator)
	for _, src := range cfg.Sources {
		for _, dir := range []string{src.Dir, cmp.Or(src.WALDir, datadir.WALDir(src.Dir)), datadir.SnapDir(src.Dir)} {
			if strings.HasPrefix(output, resolved(dir)+string(filepath.Separator)) {
				return hint.New(fmt.Errorf("%w: the snapshot %s would lie in the directory %s, which must not change", ErrConfig, cfg.Output, dir),
					"choose another place for it")
			}
		}
	}
	return nil
}

// resolved is the absolute path without symbolic links, as far as it exists.
func resolved(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		return real
	}
	return path
}

func prepare(ctx context.Context, cfg Config) (*election, error) {
	switch {
	case len(cfg.Sources) == 0:
		return &election{}, fmt.Errorf("%w: no data directory was given", ErrConfig)
	case cfg.Tail != TailDefault && cfg.Tail != TailInclude && cfg.Tail != TailCommitted:
		return &election{}, fmt.Errorf("%w: the tail can be included or committed, not %q", ErrConfig, cfg.Tail)
	}
	return elect(ctx, cfg.Sources)
}

// missing lists the decisions that have to be made by a person.
func missing(cfg Config, r *Report) []Need {
	needs := []Need{}
	if r.Lost != nil && !cfg.AllowPartial {
		needs = append(needs, NeedPartial)
	}
	if !r.Majority && cfg.Tail == TailDefault {
		needs = append(needs, NeedTail)
	}
	return needs
}

// refuse turns the first decision that is missing into an error.
func (e *election) refuse(r *Report) error {
	if len(r.Needs) == 0 {
		return nil
	}
	if r.Needs[0] == NeedPartial {
		return e.partial(r)
	}
	return e.noMajority(r)
}

func (e *election) partial(r *Report) error {
	err := errDamage(e.winner)
	beyond := ""
	if r.Lost.Beyond > 0 {
		beyond = fmt.Sprintf(", but the log went on to entry %d at least", r.Lost.Beyond)
	}
	return hint.New(fmt.Errorf("%s: entries up to %d can be read%s: %w", e.winner.Dir, r.Lost.After, beyond, err),
		"give the directories of other members as well, or leave this one out; to take what stands before the damage: --allow-partial")
}

// noMajority says what is proven, what is not, and what can be chosen.
func (e *election) noMajority(r *Report) error {
	for _, c := range r.Configurations {
		if c.Given >= c.Quorum {
			continue
		}
		replayed := int64(r.CommittedIndex) - int64(e.winner.applied())
		return hint.New(fmt.Errorf("%w: %d of %d voters were given and can vote, %d are needed to prove that every acknowledged write is there; "+
			"of the entries behind the database, %d are proven to be committed and %d are not%s",
			ErrNoMajority, c.Given, len(c.Voters), c.Quorum, replayed, r.Unproven, unproven(r)),
			"give more directories, or decide: --tail=include keeps all %d (nothing that this log has is lost), --tail=committed only the proven ones", r.Unproven+uint64(replayed))
	}
	return hint.New(fmt.Errorf("%w: the log that reaches furthest is damaged and has no vote", ErrNoMajority),
		"give more directories, or decide: --tail=include keeps all that can be read of it, --tail=committed only what is proven")
}

// unproven names the entries that nothing proves to be committed.
func unproven(r *Report) string {
	if r.Unproven == 0 {
		return ""
	}
	return fmt.Sprintf(" (%d to %d)", r.CommittedIndex+1, r.LastIndex)
}

// write replays on a copy of the winner's database and publishes that.
func (e *election) write(ctx context.Context, cfg Config, r *Report) error {
	out, err := newfile.Create(cfg.Output)
	if err != nil {
		return err
	}
	defer out.Discard()
	if err := e.winner.copyDB(ctx, out, cfg.Progress); err != nil {
		return out.Explain(err)
	}
	notes, err := e.winner.replay(ctx, out.Part(), r.AppliedIndex, cfg.KeepAlarms, cfg.Progress)
	if err != nil {
		if err = out.Explain(err); errors.Is(err, newfile.ErrNoSpace) {
			return err
		}
		return explainReplay(err)
	}
	r.Notes = append(r.Notes, notes...)
	if err := seal(ctx, out, r, cfg.Progress); err != nil {
		return out.Explain(err)
	}
	if err := ctx.Err(); err != nil { // the last moment to leave nothing behind
		return err
	}
	if err := out.Publish(false); err != nil {
		return err
	}
	r.Path = cfg.Output
	return nil
}

// explainReplay adds the next step to an error that says what etcd's packages made
// of the log.
func explainReplay(err error) error {
	switch {
	case !errors.Is(err, ErrReplay):
		return unusable(err)
	case errors.Is(err, syscall.ENOMEM):
		return hint.New(err, "the database and its log are mapped: raise the limit, as with ulimit -v unlimited")
	}
	return hint.New(err, "the directories are as they were; start etcd on a copy of one to see what it says of it")
}

// errDamage is why a log gives less than it should.
func errDamage(m *member) error {
	if d := m.log.Damage; d != nil && d.CutShort {
		return d.Err
	}
	return fmt.Errorf("%w: %s", datadir.ErrIncomplete, m.noVote)
}
