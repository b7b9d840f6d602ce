using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Limn.Trees.Shap;

/// <summary>Adds to the sums of a block of rows what the tables of a unit say of their patterns.</summary>
/// <remarks>
/// With AVX-512 a column of up to 64 entries lies in four registers and 16 rows look it up by permutation, several columns at a time; 128 and 256 entries take
/// one column at a time, and larger ones are gathered. Elsewhere rows look up one by one. All add the same numbers in the same order: the same bits.
/// </remarks>
internal static unsafe class TableLookUp
{
    /// <param name="unit">The unit.</param>
    /// <param name="table">Its tables.</param>
    /// <param name="sums">[slots, <see cref="PatternWalk.Block"/>] What is added to.</param>
    /// <param name="slots">[columns] The slots of its columns.</param>
    /// <param name="patterns">The rows' patterns.</param>
    /// <param name="rows">The number of rows, a multiple of 16.</param>
    public static void Add(in UnitTable unit, float* table, float* sums, int* slots, int* patterns, int rows)
    {
        int size = unit.Size, column = 0;
        if (Avx512F.IsSupported && unit.Bits <= 8)
        {
            switch (unit.Bits)
            {
                case <= 4:
                    for (; column + 4 <= unit.Columns; column += 4) Four<Bits4>(table + column * size, sums, slots + column, patterns, rows);
                    for (; column < unit.Columns; column++) One<Bits4>(table + column * size, sums, slots + column, patterns, rows);
                    break;
                case 5:
                    for (; column + 4 <= unit.Columns; column += 4) Four<Bits5>(table + column * size, sums, slots + column, patterns, rows);
                    for (; column < unit.Columns; column++) One<Bits5>(table + column * size, sums, slots + column, patterns, rows);
                    break;
                case 6:
                    for (; column + 3 <= unit.Columns; column += 3) Three<Bits6>(table + column * size, sums, slots + column, patterns, rows);
                    for (; column < unit.Columns; column++) One<Bits6>(table + column * size, sums, slots + column, patterns, rows);
                    break;
                case 7:
                    for (; column < unit.Columns; column++) One<Bits7>(table + column * size, sums, slots + column, patterns, rows);
                    break;
                default:
                    for (; column < unit.Columns; column++) Eight(table + column * size, sums + slots[column] * PatternWalk.Block, patterns, rows);
                    break;
            }
            return;
        }
        for (; column < unit.Columns; column++) Gather(table + column * size, sums + slots[column] * PatternWalk.Block, patterns, rows);
    }

    private static void Gather(float* t, float* sum, int* patterns, int rows)
    {
        if (Avx2.IsSupported)
        {
            for (int r = 0; r < rows; r += 8) (Vector256.Load(sum + r) + Avx2.GatherVector256(t, Vector256.Load(patterns + r), 4)).Store(sum + r);
            return;
        }
        for (int r = 0; r < rows; r++) sum[r] += t[patterns[r]];
    }

    /// <summary>A column in registers, and what 16 patterns find in it.</summary>
    private interface IColumn<TSelf> where TSelf : struct, IColumn<TSelf>
    {
        static abstract TSelf Load(float* table);

        Vector512<float> Find(Vector512<int> pattern);
    }

    private readonly struct Bits4(Vector512<float> a) : IColumn<Bits4>
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Bits4 Load(float* table) => new(Vector512.Load(table));

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<float> Find(Vector512<int> pattern) => Avx512F.PermuteVar16x32(a, pattern);
    }

    private readonly struct Bits5(Vector512<float> a, Vector512<float> b) : IColumn<Bits5>
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Bits5 Load(float* table) => new(Vector512.Load(table), Vector512.Load(table + 16));

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<float> Find(Vector512<int> pattern) => Avx512F.PermuteVar16x32x2(a, pattern, b);
    }

    private readonly struct Bits6(Bits5 low, Bits5 high) : IColumn<Bits6>
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Bits6 Load(float* table) => new(Bits5.Load(table), Bits5.Load(table + 32));

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<float> Find(Vector512<int> pattern) => Pick(pattern, 32, low.Find(pattern), high.Find(pattern));
    }

    private readonly struct Bits7(Bits6 low, Bits6 high) : IColumn<Bits7>
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Bits7 Load(float* table) => new(Bits6.Load(table), Bits6.Load(table + 64));

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<float> Find(Vector512<int> pattern) => Pick(pattern, 64, low.Find(pattern), high.Find(pattern));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Pick(Vector512<int> pattern, int bit, Vector512<float> clear, Vector512<float> set) =>
        Vector512.ConditionalSelect(Vector512.Equals(pattern & Vector512.Create(bit), Vector512<int>.Zero).AsSingle(), clear, set);

    private static void One<T>(float* t, float* sums, int* slots, int* patterns, int rows) where T : struct, IColumn<T>
    {
        T column = T.Load(t);
        float* sum = sums + *slots * PatternWalk.Block;
        for (int r = 0; r < rows; r += 16) (Vector512.Load(sum + r) + column.Find(Vector512.Load(patterns + r))).Store(sum + r);
    }

    private static void Three<T>(float* t, float* sums, int* slots, int* patterns, int rows) where T : struct, IColumn<T>
    {
        int size = 64;
        T a = T.Load(t), b = T.Load(t + size), c = T.Load(t + 2 * size);
        float* s = sums + slots[0] * PatternWalk.Block, u = sums + slots[1] * PatternWalk.Block, v = sums + slots[2] * PatternWalk.Block;
        for (int r = 0; r < rows; r += 16)
        {
            Vector512<int> p = Vector512.Load(patterns + r);
            (Vector512.Load(s + r) + a.Find(p)).Store(s + r);
            (Vector512.Load(u + r) + b.Find(p)).Store(u + r);
            (Vector512.Load(v + r) + c.Find(p)).Store(v + r);
        }
    }

    private static void Four<T>(float* t, float* sums, int* slots, int* patterns, int rows) where T : struct, IColumn<T>
    {
        int size = typeof(T) == typeof(Bits4) ? 16 : 32;
        T a = T.Load(t), b = T.Load(t + size), c = T.Load(t + 2 * size), d = T.Load(t + 3 * size);
        float* s = sums + slots[0] * PatternWalk.Block, u = sums + slots[1] * PatternWalk.Block;
        float* v = sums + slots[2] * PatternWalk.Block, w = sums + slots[3] * PatternWalk.Block;
        for (int r = 0; r < rows; r += 16)
        {
            Vector512<int> p = Vector512.Load(patterns + r);
            (Vector512.Load(s + r) + a.Find(p)).Store(s + r);
            (Vector512.Load(u + r) + b.Find(p)).Store(u + r);
            (Vector512.Load(v + r) + c.Find(p)).Store(v + r);
            (Vector512.Load(w + r) + d.Find(p)).Store(w + r);
        }
    }

    /// <summary>256 entries: two halves of a column, one after the other, so that each lies in registers.</summary>
    private static void Eight(float* t, float* sum, int* patterns, int rows)
    {
        Bits7 low = Bits7.Load(t), high = Bits7.Load(t + 128);
        for (int r = 0; r < rows; r += 16)
        {
            Vector512<int> p = Vector512.Load(patterns + r);
            (Vector512.Load(sum + r) + Pick(p, 128, low.Find(p), high.Find(p))).Store(sum + r);
        }
    }
}
