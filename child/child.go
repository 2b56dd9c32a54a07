// Package child starts processes that do not outlive this one.
package child
