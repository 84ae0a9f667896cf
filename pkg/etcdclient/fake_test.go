package etcdclient_test

import (
	"crypto/sha256"
	"net"
	"testing"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/grpc"

	"github.com/etcd-restore/etcd-restore/pkg/etcdclient"
)

// fakeServer is a member that sends the snapshot it is told to: what no real
// etcd can be made to do on demand.
type fakeServer struct {
	pb.UnimplementedMaintenanceServer
	send func(pb.Maintenance_SnapshotServer) error
}

func (f *fakeServer) Snapshot(_ *pb.SnapshotRequest, stream pb.Maintenance_SnapshotServer) error {
	return f.send(stream)
}

// startFake serves on loopback for the length of the test.
func startFake(t *testing.T, send func(pb.Maintenance_SnapshotServer) error) (client *etcdclient.Client, endpoint string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	pb.RegisterMaintenanceServer(server, &fakeServer{send: send})
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	endpoint = "http://" + listener.Addr().String()
	return dial(t, etcdclient.Config{Endpoints: []string{endpoint}}), endpoint
}

// dial lets a server take its time, on a machine that runs many tests at once.
func dial(t *testing.T, cfg etcdclient.Config) *etcdclient.Client {
	t.Helper()
	if cfg.RequestTimeout == 0 {
		cfg.RequestTimeout = time.Minute
	}
	client, err := etcdclient.Dial(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return client
}

// messages cuts a database into what etcd would send of it: blobs of 32 KiB
// that count down, then the digest.
func messages(database []byte) []*pb.SnapshotResponse {
	var all []*pb.SnapshotResponse
	for rest := database; len(rest) > 0; {
		n := min(32<<10, len(rest))
		all = append(all, &pb.SnapshotResponse{
			Blob: rest[:n], RemainingBytes: uint64(len(rest) - n), Version: "3.7.0",
		})
		rest = rest[n:]
	}
	sum := sha256.Sum256(database)
	return append(all, &pb.SnapshotResponse{Blob: sum[:]})
}

func sendAll(stream pb.Maintenance_SnapshotServer, all []*pb.SnapshotResponse) error {
	for _, m := range all {
		if err := stream.Send(m); err != nil {
			return err
		}
	}
	return nil
}
