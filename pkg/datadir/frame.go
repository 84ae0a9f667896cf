package datadir

import (
	"encoding/binary"
	"hash/crc32"
)

// Types of the records in the log (package wal of etcd).
const (
	recordMetadata = 1
	recordEntry    = 2
	recordState    = 3
	recordCRC      = 4
	recordSnapshot = 5
)

const (
	frameHeader = 8                 // bytes of a frame's length field
	frameLength = uint64(1)<<56 - 1 // its bits that hold the record's length
)

// castagnoli is the table of every checksum in a data directory. The standard
// library makes it once.
func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

func appendFrame(b, record []byte) []byte {
	length := uint64(len(record))
	padding := -len(record) & 7
	if padding > 0 {
		length |= uint64(0x80|padding) << 56
	}
	b = binary.LittleEndian.AppendUint64(b, length)
	b = append(b, record...)
	return append(b, make([]byte, padding)...)
}

// splitLength takes a frame's length field apart.
func splitLength(field uint64) (record, padding int64) {
	if field>>63 == 1 {
		padding = int64(field >> 56 & 7)
	}
	return int64(field & frameLength), padding
}
