// Package sinner breaks every rule about source.
package sinner

import (
	"encoding/binary"
	"fmt"
	myos "os"
	"sync"
)

var later int

var mu = sync.Mutex{}

var table = map[string]int{}

var count = 1

func init() { binary.BigEndian = binary.BigEndian }

// Sin uses all of it.
func Sin() *int {
	mu.Lock()
	table["sin"] = later
	count++
	fmt.Println(myos.Getenv("HOME"))
	println("sinned")
	if count > 7 {
		myos.Exit(1)
	}
	return &count
}
