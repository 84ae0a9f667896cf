// Package courtesy lets work that is in no hurry leave processor and memory to what is:
// the cluster serves while a snapshot is carried to its nodes and unpacked there.
package courtesy
