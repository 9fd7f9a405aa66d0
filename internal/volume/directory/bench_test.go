// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package directory_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/arvados-s3/keepstore/internal/volume"
	"github.com/arvados-s3/keepstore/internal/volume/directory"
	"github.com/arvados-s3/keepstore/internal/volume/volumetest"
)

// BenchmarkPut puts new blocks; hashing them is not counted. The row "raw"
// writes and syncs a file and nothing else.
func BenchmarkPut(b *testing.B) {
	for _, size := range []int{4096, volume.MaxSize} {
		root := b.TempDir()
		v := open(b, directory.Options{Root: root})
		data := volumetest.Data(size)
		b.Run(fmt.Sprintf("volume/%d", size), func(b *testing.B) {
			b.SetBytes(int64(size))
			for i := range b.N {
				b.StopTimer()
				binary.LittleEndian.PutUint64(data, uint64(b.N)<<32+uint64(i))
				block := volumetest.Block(b, data)
				b.StartTimer()
				if err := v.Put(context.Background(), block); err != nil {
					b.Fatal(err)
				}
				b.StopTimer()
				if err := os.Remove(file(root, block.Hash())); err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
			}
		})
		dir := b.TempDir()
		b.Run(fmt.Sprintf("raw/%d", size), func(b *testing.B) {
			b.SetBytes(int64(size))
			for range b.N {
				writeRaw(b, filepath.Join(dir, "raw"), data)
			}
		})
	}
}

func writeRaw(b *testing.B, path string, data []byte) {
	f, err := os.Create(path)
	if err == nil {
		_, err = f.Write(data)
	}
	if err == nil {
		err = f.Sync()
	}
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		b.Fatal(err)
	}
}

// BenchmarkGet reads blocks that the cache of the system holds. The row "raw"
// reads the file and checks nothing.
func BenchmarkGet(b *testing.B) {
	buf := make([]byte, volume.MaxSize)
	for _, size := range []int{4096, volume.MaxSize} {
		root := b.TempDir()
		v := open(b, directory.Options{Root: root})
		block := put(b, v, size)
		b.Run(fmt.Sprintf("volume/%d", size), func(b *testing.B) {
			b.SetBytes(int64(size))
			for range b.N {
				if _, err := v.Get(context.Background(), block.Hash(), buf); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(fmt.Sprintf("raw/%d", size), func(b *testing.B) {
			b.SetBytes(int64(size))
			for range b.N {
				f, err := os.Open(file(root, block.Hash()))
				if err == nil {
					_, err = f.Read(buf[:size])
				}
				if err != nil {
					b.Fatal(err)
				}
				_ = f.Close() // it was only read
			}
		})
	}
}
