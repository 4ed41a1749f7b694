# Part of the core: what an index stores, and where its ids stand.

cdef extern from "stdlib.h":
    void* malloc(size_t) noexcept nogil


def store_rows(capsule, stored, metric, Py_ssize_t first, cnp.ndarray rows, int levels, double low, double high):
    """Rows (r, dim) into blocks with room for them, from the position `first` on; levels, low, high: see kernels.h."""
    cdef const Kernels* kernels = kernels_of(capsule)
    cdef Rows source
    cdef Blocks blocks
    cdef Encoding encoding
    cdef Runtime runtime
    cdef unsigned flags = fp_status_get()
    cdef int status, number = METRICS[metric]
    set_rows(&source, rows)
    set_blocks(&blocks, stored)
    encoding.levels = levels
    encoding.low = low
    encoding.high = high
    fill(&runtime)
    with cython.nogil:
        status = kernels.store_rows(&source, &blocks, first, number, &encoding, &runtime)
    fp_status_set(flags)
    end("no memory for the rows of a block", status)


cdef inline size_t hash_of(int64_t id) noexcept nogil:
    # The finalizer of splitmix64: neither steps nor high bits of ids crowd one part of the table.
    cdef uint64_t h = <uint64_t>id
    h = (h ^ (h >> 30)) * <uint64_t>0xbf58476d1ce4e5b9
    h = (h ^ (h >> 27)) * <uint64_t>0x94d049bb133111eb
    return <size_t>(h ^ (h >> 31))


cdef class IdTable:
    """The position of each id. An id that is inserted again has the position that it was given last.

    Open addressing: a power of two of places, each with the position of an id or -1, at most three quarters of them
    taken. An id whose place is taken goes to the next. The ids themselves stay in the caller's array."""
    cdef Py_ssize_t* places
    cdef size_t size
    cdef size_t taken

    def __dealloc__(self):
        free(self.places)

    @property
    def nbytes(self):
        """Memory of the table."""
        return self.size * sizeof(Py_ssize_t)

    def insert(self, cnp.ndarray ids, Py_ssize_t first, Py_ssize_t end):
        """Insert ids[first:end] (int64, adjacent) with their positions in `ids`, which holds those of earlier calls."""
        cdef const int64_t* known = <const int64_t*>cnp.PyArray_DATA(ids)
        cdef Py_ssize_t i
        cdef size_t place
        self.reserve(known, self.taken + (end - first))
        with cython.nogil:
            for i in range(first, end):
                place = self.place_of(known, known[i])
                self.taken += self.places[place] < 0
                self.places[place] = i

    def find(self, cnp.ndarray ids, cnp.ndarray wanted, cnp.ndarray found):
        """The position of each of `wanted` into `found`, -1 where it is not there; all int64, adjacent."""
        cdef const int64_t* known = <const int64_t*>cnp.PyArray_DATA(ids)
        cdef const int64_t* sought = <const int64_t*>cnp.PyArray_DATA(wanted)
        cdef int64_t* position = <int64_t*>cnp.PyArray_DATA(found)
        cdef Py_ssize_t i, count = cnp.PyArray_SIZE(wanted)
        with cython.nogil:
            for i in range(count):
                position[i] = self.places[self.place_of(known, sought[i])] if self.size else -1

    # Where the id stands, or is to stand.
    cdef inline size_t place_of(self, const int64_t* known, int64_t id) noexcept nogil:
        cdef size_t place = hash_of(id) & (self.size - 1)
        while self.places[place] >= 0 and known[self.places[place]] != id:
            place = (place + 1) & (self.size - 1)
        return place

    cdef int reserve(self, const int64_t* known, size_t count) except -1:
        cdef Py_ssize_t* before = self.places
        cdef Py_ssize_t* places
        cdef size_t size = 16, old = self.size, i
        while size // 4 * 3 < count:
            size *= 2
        if size <= old:
            return 0
        places = <Py_ssize_t*>malloc(size * sizeof(Py_ssize_t))
        if places == NULL:
            raise MemoryError(f"no memory for a table of {count} ids")
        with cython.nogil:
            memset(places, 0xff, size * sizeof(Py_ssize_t))
            self.places = places
            self.size = size
            for i in range(old):
                if before[i] >= 0:
                    places[self.place_of(known, known[before[i]])] = before[i]
            free(before)
        return 0
