// Package crossovers keeps the payload sizes from which on this machine hands payloads over
// by reference, and has them read, in less time than by copying: the file that rrbench tune writes, and the
// choice between what is there and what is built in.
//
// A file holds for the machine that it was measured on. A plan writes the crossovers that
// it uses into its cells, so a run that is resumed, or repeated from its manifest, does not
// depend on the file.
package crossovers
