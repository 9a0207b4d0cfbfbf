using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using System.Security.Cryptography;
using Postern.Core.Operations;

namespace Postern.Core.Recording;

/// <summary>
/// SHA-256 (FIPS 180-4) of many short messages at once, sixteen side by side in the lanes of one vector. Where the processor has no
/// such vectors the system's library hashes one after another: there it mostly has instructions for SHA-256 instead, as this code cannot.
/// </summary>
internal static class Sha256Lanes
{
    /// <summary>Bytes of a block.</summary>
    public const int BlockBytes = 64;

    private const int Lanes = 16;
    private const int Words = 16;
    private const int Rounds = 64;

    /// <summary>True when messages are hashed side by side here.</summary>
    public static bool IsSupported => Avx512BW.IsSupported;

    /// <summary>Bytes that a message of this length takes up together with its padding: whole blocks.</summary>
    public static int PaddedLength(int length) => (length + 1 + sizeof(ulong) + BlockBytes - 1) / BlockBytes * BlockBytes;

    /// <summary>Writes the padding behind a message at the begin of its room (FIPS 180-4, 5.1.1).</summary>
    public static void Pad(Span<byte> room, int length)
    {
        room[length] = 0x80;
        room[(length + 1)..^sizeof(ulong)].Clear();
        BinaryPrimitives.WriteUInt64BigEndian(room[^sizeof(ulong)..], (ulong)length * 8);
    }

    /// <summary>Hashes messages that stand padded in this memory, each at a place of its own, and writes each digest where it is wanted there.</summary>
    /// <param name="memory">Messages, and room for digests.</param>
    /// <param name="messages">Sorted by this method, the longest first.</param>
    public static void Hash(byte[] memory, Span<LaneMessage> messages)
    {
        if (!IsSupported || messages.Length < 3)
        {
            HashByLibrary(memory, messages);
            return;
        }
        // Lanes that run out are filled again; with the longest first they run out together at the end.
        messages.Sort(static (one, other) => other.Length.CompareTo(one.Length));
        Fill(memory, messages);
    }

    /// <summary>The same, one after another, by the system's library.</summary>
    public static void HashByLibrary(byte[] memory, ReadOnlySpan<LaneMessage> messages)
    {
        foreach (ref readonly var message in messages) SHA256.HashData(memory.AsSpan(message.From, message.Length), memory.AsSpan(message.To, Digest.Size));
    }

    private static void Fill(byte[] memory, ReadOnlySpan<LaneMessage> messages)
    {
        Span<uint> state = stackalloc uint[8 * Lanes];
        Span<int> at = stackalloc int[Lanes];
        Span<int> step = stackalloc int[Lanes];
        Span<int> left = stackalloc int[Lanes];
        Span<int> to = stackalloc int[Lanes];
        Span<uint> words = stackalloc uint[Rounds * Lanes];
        var next = 0;
        var running = 0;
        for (var lane = 0; lane < Lanes; lane++)
        {
            if (next < messages.Length) running++;
            Begin(lane, messages, ref next, state, at, step, left, to);
        }
        while (running > 0)
        {
            var blocks = int.MaxValue;
            for (var lane = 0; lane < Lanes; lane++)
            {
                if (left[lane] > 0) blocks = Math.Min(blocks, left[lane]);
            }
            Compress(memory, blocks, state, at, step, words);
            for (var lane = 0; lane < Lanes; lane++)
            {
                if (left[lane] == 0) continue;
                left[lane] -= blocks;
                if (left[lane] > 0) continue;
                for (var word = 0; word < 8; word++) BinaryPrimitives.WriteUInt32BigEndian(memory.AsSpan(to[lane] + (word * sizeof(uint))), state[(word * Lanes) + lane]);
                if (next == messages.Length) running--;
                Begin(lane, messages, ref next, state, at, step, left, to);
            }
        }
    }

    // A lane without a message reads the memory's first block over and over, and nobody reads what comes of it.
    private static void Begin(int lane, ReadOnlySpan<LaneMessage> messages, ref int next, Span<uint> state, Span<int> at, Span<int> step, Span<int> left, Span<int> to)
    {
        if (next == messages.Length)
        {
            (at[lane], step[lane], left[lane]) = (0, 0, 0);
            return;
        }
        var message = messages[next++];
        (at[lane], step[lane], left[lane], to[lane]) = (message.From, BlockBytes, PaddedLength(message.Length) / BlockBytes, message.To);
        for (var word = 0; word < 8; word++) state[(word * Lanes) + lane] = Initial[word];
    }

    // Compiled once and for good: unoptimized, vectors cost a hundred times as much, and the first thousands of records would pay that.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Compress(byte[] memory, int blocks, Span<uint> state, Span<int> at, ReadOnlySpan<int> step, Span<uint> words)
    {
        ref var values = ref MemoryMarshal.GetReference(state);
        ref var w = ref MemoryMarshal.GetReference(words);
        for (var block = 0; block < blocks; block++)
        {
            Turn(memory, at, ref w);
            for (var lane = 0; lane < Lanes; lane++) at[lane] += step[lane];
            for (var t = Words; t < Rounds; t++)
            {
                var sum = Row(ref w, t - 16) + Small0(Row(ref w, t - 15)) + Row(ref w, t - 7) + Small1(Row(ref w, t - 2));
                sum.StoreUnsafe(ref w, (nuint)(t * Lanes));
            }
            var (a, b, c, d) = (Row(ref values, 0), Row(ref values, 1), Row(ref values, 2), Row(ref values, 3));
            var (e, f, g, h) = (Row(ref values, 4), Row(ref values, 5), Row(ref values, 6), Row(ref values, 7));
            for (var t = 0; t < Rounds; t += 8)
            {
                // Each line is one round; the names move by one instead of the values.
                h = First(e, f, g, h, ref w, t);
                d += h;
                h += Second(a, b, c);
                g = First(d, e, f, g, ref w, t + 1);
                c += g;
                g += Second(h, a, b);
                f = First(c, d, e, f, ref w, t + 2);
                b += f;
                f += Second(g, h, a);
                e = First(b, c, d, e, ref w, t + 3);
                a += e;
                e += Second(f, g, h);
                d = First(a, b, c, d, ref w, t + 4);
                h += d;
                d += Second(e, f, g);
                c = First(h, a, b, c, ref w, t + 5);
                g += c;
                c += Second(d, e, f);
                b = First(g, h, a, b, ref w, t + 6);
                f += b;
                b += Second(c, d, e);
                a = First(f, g, h, a, ref w, t + 7);
                e += a;
                a += Second(b, c, d);
            }
            (Row(ref values, 0) + a).StoreUnsafe(ref values);
            (Row(ref values, 1) + b).StoreUnsafe(ref values, Lanes);
            (Row(ref values, 2) + c).StoreUnsafe(ref values, 2 * Lanes);
            (Row(ref values, 3) + d).StoreUnsafe(ref values, 3 * Lanes);
            (Row(ref values, 4) + e).StoreUnsafe(ref values, 4 * Lanes);
            (Row(ref values, 5) + f).StoreUnsafe(ref values, 5 * Lanes);
            (Row(ref values, 6) + g).StoreUnsafe(ref values, 6 * Lanes);
            (Row(ref values, 7) + h).StoreUnsafe(ref values, 7 * Lanes);
        }
    }

    /// <summary>Reads one block of each lane, and writes word by word what all lanes have there.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Turn(byte[] memory, ReadOnlySpan<int> at, ref uint w)
    {
        Span<Vector512<uint>> rows = stackalloc Vector512<uint>[Lanes];
        Span<Vector512<uint>> half = stackalloc Vector512<uint>[Lanes];
        // Words are big-endian in the message (FIPS 180-4, 5.2.1).
        var swap = Vector512.Create(Vector128.Create((byte)3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12));
        for (var lane = 0; lane < Lanes; lane++)
        {
            rows[lane] = Avx512BW.Shuffle(Vector512.LoadUnsafe(ref MemoryMarshal.GetReference(memory.AsSpan(at[lane], BlockBytes))), swap.AsByte()).AsUInt32();
        }
        // Of four lanes each: in every quarter of a vector, one word of all four.
        for (var four = 0; four < Lanes; four += 4)
        {
            var low0 = Avx512F.UnpackLow(rows[four], rows[four + 1]).AsUInt64();
            var high0 = Avx512F.UnpackHigh(rows[four], rows[four + 1]).AsUInt64();
            var low1 = Avx512F.UnpackLow(rows[four + 2], rows[four + 3]).AsUInt64();
            var high1 = Avx512F.UnpackHigh(rows[four + 2], rows[four + 3]).AsUInt64();
            half[four] = Avx512F.UnpackLow(low0, low1).AsUInt32();
            half[four + 1] = Avx512F.UnpackHigh(low0, low1).AsUInt32();
            half[four + 2] = Avx512F.UnpackLow(high0, high1).AsUInt32();
            half[four + 3] = Avx512F.UnpackHigh(high0, high1).AsUInt32();
        }
        // Word `i` of a quarter stands in `half[i]`, `half[4 + i]`, …, for lanes 0 to 3, 4 to 7, …; quarter `q` has the words 4q to 4q + 3.
        for (var i = 0; i < 4; i++)
        {
            var firsts = Avx512F.Shuffle4x128(half[i], half[4 + i], 0b01_00_01_00);
            var lasts = Avx512F.Shuffle4x128(half[i], half[4 + i], 0b11_10_11_10);
            var firsts1 = Avx512F.Shuffle4x128(half[8 + i], half[12 + i], 0b01_00_01_00);
            var lasts1 = Avx512F.Shuffle4x128(half[8 + i], half[12 + i], 0b11_10_11_10);
            Avx512F.Shuffle4x128(firsts, firsts1, 0b10_00_10_00).StoreUnsafe(ref w, (nuint)(i * Lanes));
            Avx512F.Shuffle4x128(firsts, firsts1, 0b11_01_11_01).StoreUnsafe(ref w, (nuint)((4 + i) * Lanes));
            Avx512F.Shuffle4x128(lasts, lasts1, 0b10_00_10_00).StoreUnsafe(ref w, (nuint)((8 + i) * Lanes));
            Avx512F.Shuffle4x128(lasts, lasts1, 0b11_01_11_01).StoreUnsafe(ref w, (nuint)((12 + i) * Lanes));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<uint> Row(ref uint of, int row) => Vector512.LoadUnsafe(ref of, (nuint)(row * Lanes));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<uint> First(Vector512<uint> e, Vector512<uint> f, Vector512<uint> g, Vector512<uint> h, ref uint w, int t) =>
        h + Row(ref w, t) + Vector512.Create(Unsafe.Add(ref MemoryMarshal.GetReference(Constants), t)) + Choose(e, f, g) + Xor(Turned(e, 6), Turned(e, 11), Turned(e, 25));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<uint> Second(Vector512<uint> a, Vector512<uint> b, Vector512<uint> c) => Majority(a, b, c) + Xor(Turned(a, 2), Turned(a, 13), Turned(a, 22));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<uint> Small0(Vector512<uint> x) => Xor(Turned(x, 7), Turned(x, 18), x >>> 3);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<uint> Small1(Vector512<uint> x) => Xor(Turned(x, 17), Turned(x, 19), x >>> 10);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<uint> Turned(Vector512<uint> x, [System.Diagnostics.CodeAnalysis.ConstantExpected] byte by) => Avx512F.RotateRight(x, by);

    // The last argument is the truth table of the three before it.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<uint> Xor(Vector512<uint> x, Vector512<uint> y, Vector512<uint> z) => Avx512F.TernaryLogic(x, y, z, 0x96);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<uint> Choose(Vector512<uint> x, Vector512<uint> y, Vector512<uint> z) => Avx512F.TernaryLogic(x, y, z, 0xCA);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<uint> Majority(Vector512<uint> x, Vector512<uint> y, Vector512<uint> z) => Avx512F.TernaryLogic(x, y, z, 0xE8);

    private static ReadOnlySpan<uint> Initial => [0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19];

    private static ReadOnlySpan<uint> Constants =>
    [
        0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
        0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
        0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
        0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
        0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
        0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
        0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
        0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
    ];
}

/// <summary>A message in memory that <see cref="Sha256Lanes"/> hashes.</summary>
/// <param name="From">Where it begins; its padding stands behind it.</param>
/// <param name="Length">Its bytes, without the padding.</param>
/// <param name="To">Where its digest is written.</param>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct LaneMessage(int From, int Length, int To);
