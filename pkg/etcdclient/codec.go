package etcdclient

import (
	"encoding/binary"
	"fmt"
	"io"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

// blobSize is what etcd sends at a time.
const blobSize = 32 << 10

// codec decodes the messages of a snapshot stream into buffers that are used
// again. gRPC's own copies each blob twice into fresh memory, which takes a
// third of the processor time of a save, on a machine that needs it for the
// server.
type codec struct {
	free chan []byte
}

func newCodec() codec { return codec{free: make(chan []byte, 2*queueLength)} }

// Name is that of the encoding on the wire.
func (codec) Name() string { return "proto" }

// Marshal encodes the request.
func (codec) Marshal(v any) (mem.BufferSlice, error) {
	request, ok := v.(proto.Message)
	if !ok {
		return nil, fmt.Errorf("cannot encode a %T", v)
	}
	b, err := proto.Marshal(request)
	return mem.BufferSlice{mem.SliceBuffer(b)}, err
}

// Unmarshal decodes a response, all of it but the header, which no server sends.
func (c codec) Unmarshal(data mem.BufferSlice, v any) error {
	response, ok := v.(*pb.SnapshotResponse)
	if !ok {
		return fmt.Errorf("cannot decode a %T", v)
	}
	r := data.Reader()
	defer r.Close()
	for r.Remaining() > 0 {
		tag, err := binary.ReadUvarint(r)
		if err != nil {
			return fmt.Errorf("malformed message: %w", err)
		}
		number, kind := protowire.DecodeTag(tag)
		if err := c.field(r, number, kind, response); err != nil {
			return fmt.Errorf("malformed message: field %d: %w", number, err)
		}
	}
	return nil
}

// The fields of SnapshotResponse in rpc.proto.
const (
	fieldRemainingBytes = 2
	fieldBlob           = 3
	fieldVersion        = 4
)

func (c codec) field(r *mem.Reader, number protowire.Number, kind protowire.Type, response *pb.SnapshotResponse) error {
	// A number, or the length of what follows.
	n, err := binary.ReadUvarint(r)
	switch {
	case err != nil:
		return err
	case kind == protowire.VarintType:
		if number == fieldRemainingBytes {
			response.RemainingBytes = n
		}
		return nil
	case kind != protowire.BytesType:
		return fmt.Errorf("unexpected type %d", kind)
	case n > uint64(r.Remaining()):
		return io.ErrUnexpectedEOF
	}
	switch number {
	case fieldBlob:
		response.Blob = c.buffer(int(n))
		_, err = io.ReadFull(r, response.Blob)
	case fieldVersion:
		version := make([]byte, n)
		_, err = io.ReadFull(r, version)
		response.Version = string(version)
	default:
		_, err = r.Discard(int(n))
	}
	return err
}

// buffer returns n bytes with any content.
func (c codec) buffer(n int) []byte {
	select {
	case b := <-c.free:
		if n <= cap(b) {
			return b[:n]
		}
	default:
	}
	return make([]byte, n, max(n, blobSize))
}

// recycle takes a blob back that nobody looks at any more.
func (c codec) recycle(blob []byte) {
	select {
	case c.free <- blob:
	default:
	}
}
