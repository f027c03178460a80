// Package arch holds no code, only tests: they read the source of the whole
// module and fail where a package imports what it must not, or where a file or
// a function outgrows the screen. The rules are the tables in rules_test.go;
// a change of architecture begins there.
package arch
