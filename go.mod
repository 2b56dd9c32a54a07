module rrbench

go 1.26
