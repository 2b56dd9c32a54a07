// Package function is the source code of the baselines' functions: A makes an object and
// serializes it, B deserializes it and reads every byte. How the bytes travel is the
// transport's affair, so the same code runs as native processes, in containers and as
// WebAssembly guests (it builds for wasip1), over HTTP and over Redis.
//
// The functions are written as a careful production program would be: what is large is
// allocated once and used again, and the garbage collector runs, as it is part of their
// cost. What still allocates for every object is what the JSON packages themselves
// allocate: the decoded text with either, decoded bytes with encoding/json.
package function
