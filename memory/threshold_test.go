package memory

// lower sets the size from which on payloads go past the cache, where there is one.
var lower func(bytes int) (restore func())
