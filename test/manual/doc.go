// Command manual writes docs/cli, what --help says of every command, and with -man man
// pages. Its test fails when docs/cli is not what the commands say.
package main
