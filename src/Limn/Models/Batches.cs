using Limn.Engine;
using Limn.Engine.Execution;
using Limn.Engine.Graphs;

namespace Limn.Models;

/// <summary>Arrays by rows: choosing, joining, and running in portions.</summary>
internal static class Batches
{
    /// <summary>The given rows of an array, in the given order.</summary>
    public static NdArray Select(NdArray array, ReadOnlySpan<int> rows)
    {
        int inner = array.Dims[0] == 0 ? 0 : array.Length / array.Dims[0];
        NdArray selected = NdArray.Create(array.Type, [rows.Length, .. array.Dims[1..]]);
        for (int i = 0; i < rows.Length; i++)
        {
            switch (array.Type.Storage())
            {
                case Storage.Float: array.Floats.Slice(rows[i] * inner, inner).CopyTo(selected.Floats[(i * inner)..]); break;
                case Storage.Integer: array.Integers.Slice(rows[i] * inner, inner).CopyTo(selected.Integers[(i * inner)..]); break;
                case Storage.Boolean: array.Booleans.Slice(rows[i] * inner, inner).CopyTo(selected.Booleans[(i * inner)..]); break;
                default: array.Strings.Slice(rows[i] * inner, inner).CopyTo(selected.Strings[(i * inner)..]); break;
            }
        }
        return selected;
    }

    /// <summary>Joins arrays along the first axis.</summary>
    public static NdArray Join(IReadOnlyList<NdArray> parts)
    {
        if (parts.Count == 1) return parts[0];
        int rows = 0;
        foreach (NdArray part in parts)
        {
            if (!part.Dims[1..].SequenceEqual(parts[0].Dims[1..]))
                throw new ShapeMismatchException($"Rows of shapes {NdArray.Describe(part.Dims[1..])} and {NdArray.Describe(parts[0].Dims[1..])} cannot be joined in one batch.");
            rows += part.Dims[0];
        }
        NdArray joined = NdArray.Create(parts[0].Type, [rows, .. parts[0].Dims[1..]]);
        int at = 0;
        foreach (NdArray part in parts)
        {
            joined.Rows(at, part.Dims[0]).CopyFrom(part);
            at += part.Dims[0];
        }
        return joined;
    }

    /// <summary>
    /// Runs a session's fetches on all rows, in portions where they would take more than <paramref name="budget"/> bytes at once. Values without rows
    /// along their first axis cannot be joined again; where some are fetched, all rows run at once.
    /// </summary>
    public static NdArray[] Run(Session session, int? fixedRows, IReadOnlyDictionary<Value, NdArray> feeds, IReadOnlyList<Value> fetches, long budget, CancellationToken cancellation)
    {
        NdArray[] Once(IReadOnlyDictionary<Value, NdArray> f) => session.Run(f, fetches, cancellation);

        if (fixedRows is not null) return Run(fixedRows, feeds, Once);
        int rows = feeds.Count == 0 || feeds.Values.Any(f => f.Rank == 0) ? 1 : feeds.Values.First().Dims[0];
        if (rows < 2 || feeds.Values.Any(f => f.Dims[0] != rows) || session.BytesFor(feeds, fetches) <= budget) return Once(feeds);
        int size = (int)Math.Clamp(budget / Math.Max(1, session.BytesFor(Portion(0, 1), fetches)), 1, rows - 1);
        var parts = new List<NdArray[]>();
        for (int from = 0; from < rows; from += size)
        {
            int count = Math.Min(size, rows - from);
            NdArray[] part = Once(Portion(from, count));
            if (Array.Exists(part, a => a.Rank == 0 || a.Dims[0] != count)) return Once(feeds);
            parts.Add(part);
        }
        return [.. Enumerable.Range(0, fetches.Count).Select(i => Join([.. parts.Select(p => p[i])]))];

        Dictionary<Value, NdArray> Portion(int from, int count)
        {
            int[] chosen = [.. Enumerable.Range(from, count)];
            return feeds.ToDictionary(f => f.Key, f => Select(f.Value, chosen));
        }
    }

    /// <summary>
    /// Runs a function of a batch in portions of exactly <paramref name="fixedRows"/> rows (all at once when null). The last portion is
    /// filled up with its last row, and what comes of that is dropped.
    /// </summary>
    public static NdArray[] Run(int? fixedRows, IReadOnlyDictionary<Value, NdArray> feeds, Func<IReadOnlyDictionary<Value, NdArray>, NdArray[]> run)
    {
        int rows = feeds.Count == 0 || feeds.Values.Any(f => f.Rank == 0) ? 1 : feeds.Values.First().Dims[0];
        if (fixedRows is not { } size || size == rows || rows == 0) return run(feeds);
        var portions = new List<NdArray[]>();
        for (int from = 0; from < rows; from += size)
        {
            int[] chosen = [.. Enumerable.Range(from, size).Select(r => Math.Min(r, rows - 1))];
            int kept = Math.Min(size, rows - from);
            NdArray[] results = run(feeds.ToDictionary(f => f.Key, f => Select(f.Value, chosen)));
            portions.Add(Array.ConvertAll(results, r => r.Rank > 0 && r.Dims[0] == size ? r.Rows(0, kept)
                : throw new ShapeMismatchException($"The model fixes its batch to {size} rows, and an output of shape {NdArray.Describe(r.Dims)} does not have them along its first axis. Run {size} rows at a time.")));
        }
        return [.. Enumerable.Range(0, portions[0].Length).Select(i => Join([.. portions.Select(p => p[i])]))];
    }
}
