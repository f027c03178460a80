// Command etcd is etcd's own server: its module cannot be installed by its name, since
// it has replace directives.
package main

import (
	"os"

	"go.etcd.io/etcd/server/v3/etcdmain"
)

func main() { etcdmain.Main(os.Args) }
