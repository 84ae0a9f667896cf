package salvage

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/etcd-restore/etcd-restore/test/etcdtest"
)

// habits are ways to run etcd that decide what a crash leaves behind. A round
// takes the next one.
var habits = []struct {
	name string
	args []string
}{
	{"as it comes", nil},
	{"snapshots", []string{"--snapshot-count=100"}},
	{"lagging db", lagging()},
	{"lagging db with snapshots", lagging("--snapshot-count=400")},
}

// TestNothingAcknowledgedIsLost kills all three members at a random moment and
// throws one of them away.
func TestNothingAcknowledgedIsLost(t *testing.T) {
	eachVersion(t, func(t *testing.T, v etcdtest.Version) {
		var replayed tally
		t.Run("rounds", func(t *testing.T) {
			for i := range rounds(t) {
				habit := habits[(i+2)%len(habits)] // the first is one with much to replay
				t.Run(fmt.Sprintf("%d %s", i, habit.name), func(t *testing.T) {
					t.Parallel()
					replayed.add(round(t, v, seed(t)+uint64(i), habit.args))
				})
			}
		})
		if replayed.sum == 0 && !t.Failed() {
			t.Errorf("nothing was replayed in %d rounds: they prove nothing", rounds(t))
		}
	})
}

// round is one disaster, and returns how much was replayed.
func round(t *testing.T, v etcdtest.Version, seed uint64, args []string) int {
	random := rand.New(rand.NewPCG(seed, 1))
	s := newScene(t, v, seed, plan{args: args, walDirs: random.IntN(3) == 0})
	s.work(t, 2+random.IntN(6))
	s.await(t, 100+random.IntN(1200))
	if random.IntN(2) == 0 { // one dies first, perhaps the leader, and the others go on
		s.cluster.Members[random.IntN(3)].Kill(t)
		s.await(t, 1+random.IntN(60))
	}
	s.disaster(t)
	lost := random.IntN(3)
	given := append([]*etcdtest.Member(nil), s.cluster.Members[:lost]...)
	given = append(given, s.cluster.Members[lost+1:]...)
	p := s.prove(t, given...)
	t.Logf("%d acknowledged, %d replayed, tail of %d", s.journal.acked, p.include.EntriesReplayed, p.include.LastIndex-p.include.CommittedIndex)
	return p.include.EntriesReplayed
}

// tally is a sum over parallel rounds.
type tally struct {
	mu  sync.Mutex
	sum int
}

func (c *tally) add(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sum += n
}
