// go-peer streams|datagrams [ADDRESS] [THREADS]: echo with Go's net package, a goroutine a client.
package main

import (
	"fmt"
	"net"
	"os"
	"runtime"
	"strconv"
	"strings"
)

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// Go switches Nagle's delay off by itself.
func echo(client net.Conn) {
	defer client.Close()
	buffer := make([]byte, 16*1024)
	for {
		count, err := client.Read(buffer)
		if count > 0 {
			if _, err := client.Write(buffer[:count]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

func serveStreams(network, address string) {
	listener, err := net.Listen(network, address)
	check(err)
	prefix := ""
	if network == "unix" {
		prefix = "unix:"
	}
	fmt.Printf("listening on %s%s\n", prefix, listener.Addr())
	for {
		client, err := listener.Accept()
		check(err)
		go echo(client)
	}
}

func serveDatagrams(address string) {
	bound, err := net.ResolveUDPAddr("udp", address)
	check(err)
	socket, err := net.ListenUDP("udp", bound)
	check(err)
	check(socket.SetReadBuffer(4 << 20))
	fmt.Printf("listening on %s\n", socket.LocalAddr())
	buffer := make([]byte, 64*1024)
	for {
		count, source, err := socket.ReadFromUDPAddrPort(buffer)
		check(err)
		socket.WriteToUDPAddrPort(buffer[:count], source)
	}
}

func main() {
	arguments := append(os.Args[1:], []string{"streams", "127.0.0.1:0", "1"}[min(len(os.Args)-1, 3):]...)
	threads, err := strconv.Atoi(arguments[2])
	check(err)
	runtime.GOMAXPROCS(threads)
	address := arguments[1]
	if arguments[0] == "datagrams" {
		serveDatagrams(address)
	} else if strings.HasPrefix(address, "unix:") {
		path := strings.TrimPrefix(address, "unix:")
		os.Remove(path)
		serveStreams("unix", path)
	} else {
		serveStreams("tcp", address)
	}
}

func min(a, b int) int {
	if a < b {
		return a
	}
	return b
}
