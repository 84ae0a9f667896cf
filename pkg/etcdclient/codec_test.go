package etcdclient

import (
	"bytes"
	"testing"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"
)

// framed cuts a message as HTTP/2 frames do, at any place.
func framed(message []byte, size int) mem.BufferSlice {
	var all mem.BufferSlice
	for len(message) > 0 {
		n := min(size, len(message))
		all = append(all, mem.SliceBuffer(message[:n]))
		message = message[n:]
	}
	return all
}

func sameResponse(a, b *pb.SnapshotResponse) bool {
	return a.GetRemainingBytes() == b.GetRemainingBytes() && bytes.Equal(a.GetBlob(), b.GetBlob()) && a.GetVersion() == b.GetVersion()
}

func TestCodecDecodesAsProtobuf(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]*pb.SnapshotResponse{
		"empty":         {},
		"data":          {RemainingBytes: 1 << 40, Blob: bytes.Repeat([]byte("db"), blobSize/2), Version: "3.7.0"},
		"before 3.6":    {RemainingBytes: 7, Blob: []byte("db")},
		"digest":        {Blob: make([]byte, 32), Version: "3.7.0"},
		"with a header": {Header: &pb.ResponseHeader{Revision: 9}, RemainingBytes: 1, Blob: []byte("db")},
		"a larger blob": {RemainingBytes: 1, Blob: bytes.Repeat([]byte("x"), 2*blobSize)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			message, err := proto.Marshal(want)
			if err != nil {
				t.Fatal(err)
			}
			c := newCodec()
			for _, size := range []int{1, 3, 16 << 10, 1 << 20} {
				var got pb.SnapshotResponse
				if err := c.Unmarshal(framed(message, size), &got); err != nil || !sameResponse(&got, want) {
					t.Errorf("in slices of %d: %v", size, err)
				}
				c.recycle(got.Blob)
			}
		})
	}
}

// What protobuf accepts is decoded alike; nothing makes it panic.
func FuzzCodec(f *testing.F) {
	for _, m := range []*pb.SnapshotResponse{{}, {RemainingBytes: 300, Blob: []byte("blob"), Version: "3.7.0"}} {
		message, err := proto.Marshal(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(message)
		f.Add(append(message, 0xff))
	}
	f.Add([]byte{0x1a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01}) // a blob longer than memory
	f.Fuzz(func(t *testing.T, message []byte) {
		var got, want pb.SnapshotResponse
		if newCodec().Unmarshal(framed(message, 5), &got) != nil {
			return
		}
		if proto.Unmarshal(message, &want) == nil && !sameResponse(&got, &want) {
			t.Errorf("got %v, protobuf %v", &got, &want)
		}
	})
}
