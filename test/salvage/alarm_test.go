package salvage

import (
	"context"
	"testing"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/etcd-restore/etcd-restore/test/etcdtest"
)

// TestAlarm raises the alarm for want of space in the tail. What comes after it
// in the log is refused when it is applied, so it must be refused by salvage.
func TestAlarm(t *testing.T) {
	eachVersion(t, func(t *testing.T, v etcdtest.Version) {
		s := newScene(t, v, seed(t), plan{patient: true})
		s.work(t, 2)
		s.await(t, 50)
		w := s.newWriter(t, "alarm")
		before := w.wish(func() request { return w.put(w.key(), 0) })
		after := w.wish(func() request { return w.put(w.key(), 0) })
		l, followers := s.loseFollowers(t)
		l.send(t, *before.unknown)
		l.send(t, noSpace())
		l.send(t, *after.unknown)
		l.end(t)

		given := []*etcdtest.Member{l.leader, followers[0]}
		p := s.prove(t, given...)
		if !before.granted(p.tail) || after.granted(p.tail) {
			t.Errorf("before the alarm: %t, after it: %t", before.granted(p.tail), after.granted(p.tail))
		}
		requireAlarms(t, p.include, 0)
		requireAlarms(t, salvage(t, given, "--keep-alarms"), 1)
	})
}

// noSpace is what a member proposes that finds its database full.
func noSpace() request {
	return request{what: "alarm", send: func(ctx context.Context, c *clientv3.Client) (*pb.ResponseHeader, error) {
		resp, err := clientv3.RetryMaintenanceClient(c, c.ActiveConnection()).Alarm(ctx, &pb.AlarmRequest{
			Action: pb.AlarmRequest_ACTIVATE, Alarm: pb.AlarmType_NOSPACE, MemberID: 1,
		})
		return resp.GetHeader(), err
	}}
}

func requireAlarms(t *testing.T, s salvaged, want int) {
	t.Helper()
	var status struct {
		Alarms []any `json:"alarms"`
	}
	succeed(t, &status, "status", s.Path)
	if len(status.Alarms) != want {
		t.Errorf("%d alarms in the snapshot, want %d", len(status.Alarms), want)
	}
}
