//go:build !slow

package main

// kills is how many runs are killed at a random moment.
const kills = 1
