package proof

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/etcd-restore/etcd-restore/pkg/journal"
	"github.com/etcd-restore/etcd-restore/pkg/node"
	"github.com/etcd-restore/etcd-restore/pkg/noderejoin"
	"github.com/etcd-restore/etcd-restore/pkg/noderestore"
)

// history finds the restore that is to be proved, what is not finished, and whether the
// node has rejoined since.
func (f *Facts) history(r Request) error {
	if r.Facts.Runs.Err != nil {
		return r.Facts.Runs.Err
	}
	known := false
	for _, s := range r.Facts.Runs.Runs {
		if s.Err != nil || s.State.Outcome == "" {
			f.Open = append(f.Open, s.Name)
		}
		if s.Err != nil {
			continue
		}
		if plan, err := noderejoin.Decode(s.Plan); err == nil {
			if s.State.Outcome == journal.Complete {
				f.Rejoin = &Rejoin{Name: s.Name, ClusterID: plan.ClusterID}
			}
			continue
		}
		plan, err := noderestore.Decode(s.Plan)
		if err != nil {
			continue
		}
		asked := r.Run == s.Name || r.Run == plan.Decision.ID
		known = known || asked
		// One that was taken back has restored nothing.
		if asked || r.Run == "" && s.State.Committed {
			if f.Run, err = runOf(s, plan); err != nil {
				return err
			}
		}
	}
	if r.Run != "" && !known && !r.elsewhere() {
		return fmt.Errorf("%w: %s", journal.ErrNoRun, r.Run)
	}
	return nil
}

// elsewhere reports whether the run may be one of the other nodes: a decision is for all,
// and not every node needs to have been there.
func (r Request) elsewhere() bool { return !r.Alone }

func runOf(s journal.Summary, plan *noderestore.Plan) (*Run, error) {
	cluster, err := plan.Decision.Cluster()
	if err != nil {
		return nil, err
	}
	run := &Run{
		Name: s.Name, Decision: plan.Decision.ID, State: string(s.State.Outcome),
		ClusterID: plan.Decision.ClusterID, Members: map[string]string{},
		Highest: plan.Decision.Proof.Highest, Revision: plan.Decision.Revision, Served: s.State.Begun,
	}
	for _, m := range cluster.Members {
		run.Members[m.Name] = hexID(m.ID)
	}
	for _, rec := range s.Records {
		if rec.Step == "start/control-plane" && rec.Event == journal.Intent {
			run.Served = rec.Time.UTC()
		}
	}
	return run, nil
}

// filesOf looks for what of ours is left on the node.
func filesOf(facts *node.Facts) Files {
	f := Files{Agents: []string{}, Parked: []string{}}
	if facts.Manifests.Err != nil {
		f.Error = facts.Manifests.Err.Error()
		return f
	}
	for _, file := range facts.Manifests.Folder.Files {
		if strings.Contains(file.Name, "etcd-restore") {
			f.Agents = append(f.Agents, file.Path)
		}
	}
	var err error
	if f.Parked, err = filesBelow(filepath.Join(filepath.Dir(facts.Manifests.Path), "etcd-restore")); err != nil {
		f.Error = err.Error()
	}
	uploads, err := filesBelow(filepath.Join(facts.Runs.Path, "uploads"))
	if err != nil {
		f.Error = err.Error()
	}
	f.Uploads = len(uploads)
	return f
}

func filesBelow(dir string) ([]string, error) {
	files := []string{}
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		switch {
		case os.IsNotExist(err):
			return nil
		case err != nil:
			return err
		case !e.IsDir():
			files = append(files, path)
		}
		return nil
	})
	return files, err
}
