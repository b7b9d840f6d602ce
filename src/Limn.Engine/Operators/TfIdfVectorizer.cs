using Limn.Engine.Graphs;

namespace Limn.Engine.Operators;

/// <summary>How often runs of words (n-grams) of a pool occur in each row: counts, weights, or counts times weights.</summary>
/// <remarks>
/// ONNX 9. Words are texts or integers, rows [n] or [rows, n]. An n-gram may skip up to <see cref="MostSkipped"/> words between each two of its own,
/// always as many; single words are counted once. No gradient.
/// </remarks>
public sealed class TfIdfVectorizer : Operator
{
    private readonly OperatorAttribute[] attributes;
    private readonly Dictionary<string, int> columns = []; // the words of an n-gram, joined: its place in the lists
    private readonly long[] places;
    private readonly float[] weights;
    private readonly long[] lengths;

    private TfIdfVectorizer(OperatorAttribute[] attributes, string mode, IReadOnlyList<string> pool, long[] starts, long[] places, float[] weights, long shortest, long longest, long skipped)
    {
        this.attributes = attributes;
        (Mode, this.places, this.weights, MostSkipped) = (mode, places, weights, skipped);
        lengths = [.. Enumerable.Range(0, starts.Length).Select(i => i + 1L).Where(n => n >= shortest && n <= longest)];
        Width = places.Length == 0 ? 0 : checked((int)places.Max() + 1);
        int next = 0;
        for (int n = 1; n <= starts.Length; n++)
        {
            long from = starts[n - 1], to = n < starts.Length ? starts[n] : pool.Count;
            if (from < 0 || to < from || to > pool.Count || (to - from) % n != 0) throw new InvalidModelException($"its ngram_counts do not cut a pool of {pool.Count} words into runs.");
            for (long i = from; i < to; i += n) columns.TryAdd(Joined(pool.Skip((int)i).Take(n)), next++);
        }
        if (next > places.Length || places.Any(p => p < 0) || (weights.Length > 0 && weights.Length < next))
            throw new InvalidModelException($"its pool has {next} n-grams, and there are {places.Length} ngram_indexes and {weights.Length} weights.");
    }

    /// <summary>TF (counts), IDF (the weight where there is any) or TFIDF (counts times weights).</summary>
    public string Mode { get; }

    public long MostSkipped { get; }

    /// <summary>The size of the last axis of the output.</summary>
    public int Width { get; }

    public override string Name => "TfIdfVectorizer";

    public override int OpsetVersion => 9;

    public override IEnumerable<OperatorAttribute> Attributes => attributes;

    internal static IReadOnlyList<Value> Import(OperatorImport import)
    {
        NodeAttributes a = import.Attributes;
        string mode = a.String("mode", "TF");
        if (mode is not ("TF" or "IDF" or "TFIDF")) throw new InvalidModelException($"its mode is '{mode}'; TF, IDF or TFIDF are expected.");
        string[]? texts = a.Strings("pool_strings");
        long[]? numbers = a.Ints("pool_int64s");
        long[] starts = a.Ints("ngram_counts") ?? [], into = a.Ints("ngram_indexes") ?? [];
        float[] given = a.Floats("weights") ?? [];
        (long shortest, long longest, long skipped) = (a.Int("min_gram_length", 1), a.Int("max_gram_length", 1), a.Int("max_skip_count", 0));
        List<OperatorAttribute> written = [new("mode", mode), new("min_gram_length", shortest), new("max_gram_length", longest), new("max_skip_count", skipped), new("ngram_counts", starts), new("ngram_indexes", into)];
        if (given.Length > 0) written.Add(new("weights", given));
        written.Add(texts is not null ? new("pool_strings", texts) : new("pool_int64s", numbers ?? []));
        IReadOnlyList<string> pool = texts ?? [.. (numbers ?? []).Select(n => n.ToString())];
        return import.Emit(new TfIdfVectorizer([.. written], mode, pool, starts, into, given, shortest, longest, skipped), import.Inputs);
    }

    public override void Infer(InferenceContext context)
    {
        Shape? shape = context.ShapeOf(0);
        if (shape is not null && shape.Rank is not (1 or 2)) throw context.Error($"it takes rows of words, and its input has the shape {shape}.");
        context.Output(0, ElementType.Float, shape?.With(shape.Rank - 1, Width));
    }

    public override void Execute(KernelContext context)
    {
        NdArray x = context.Input(0);
        Span<float> y = context.OutputFloats();
        y.Clear();
        int rows = x.Rank == 1 ? 1 : x.Dims[0], words = x.Dims[^1];
        string[] all = x.Type == ElementType.String ? x.Strings.ToArray() : Array.ConvertAll(x.Integers.ToArray(), n => n.ToString());
        for (int r = 0; r < rows; r++)
        {
            Span<float> counts = y.Slice(r * Width, Width);
            ReadOnlySpan<string> row = all.AsSpan(r * words, words);
            foreach (long n in lengths)
                for (long step = 1; step <= (n == 1 ? 1 : Math.Min(MostSkipped, words) + 1); step++)
                    for (long start = 0; start + (n - 1) * step < words; start++)
                    {
                        var gram = new string[n];
                        for (int k = 0; k < n; k++) gram[k] = row[(int)(start + k * step)];
                        if (columns.TryGetValue(Joined(gram), out int found)) Count(ref counts[(int)places[found]], found);
                    }
        }
    }

    private void Count(ref float place, int gram)
    {
        float weight = weights.Length > 0 ? weights[gram] : 1;
        place = Mode switch { "TF" => place + 1, "IDF" => weight, _ => place + weight };
    }

    private static string Joined(IEnumerable<string> words) => string.Concat(words.Select(w => $"{w.Length}:{w}"));
}
