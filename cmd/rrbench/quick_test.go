//go:build !slow

package main

const kills = 3
