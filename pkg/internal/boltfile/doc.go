// Package boltfile reads a bbolt database without trusting a byte of it.
//
// bbolt maps its file and follows the pointers it finds there; on a damaged
// file it panics or faults, and opening one to write walks every page. This
// reader checks every page id, count, offset and length against the bounds of
// the file before it uses them, so that any input gives elements or a [Damage]
// and never a panic. It holds one bit of memory per page and keeps only a small
// window of the mapping resident, whatever the size of the file.
//
// The layout, all integers in the byte order of the machine that wrote the file
// (little endian everywhere etcd runs), from bbolt's internal/common/page.go,
// meta.go, inode.go and bucket.go:
//
//	page    id u64 | flags u16 | count u16 | overflow u32 | elements | data
//	        one page plus overflow further pages, all of the meta's page size
//	meta    magic u32 | version u32 | page size u32 | flags u32 | root u64 |
//	        sequence u64 | freelist u64 | high water mark u64 | txid u64 |
//	        FNV-64a of the 56 bytes before; pages 0 and 1, the valid one with
//	        the higher txid counts
//	branch  pos u32 | key size u32 | child page u64, pos from the element
//	leaf    flags u32 | pos u32 | key size u32 | value size u32; flag 1: the
//	        value is a bucket: root u64 | sequence u64 | a whole page if root is 0
package boltfile
