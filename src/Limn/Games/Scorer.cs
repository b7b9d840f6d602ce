using System.Numerics.Tensors;
using Limn.Engine;
using Limn.Engine.Execution;
using Limn.Engine.Graphs;
using Limn.Models;

namespace Limn.Games;

/// <summary>Scores many changed copies of a question's rows: batches them, and sees to it that each gets one finite score.</summary>
internal sealed class Scorer
{
    private const long ComfortableBytes = 256L << 20; // of a large network, what a batch may take
    private const long NearBytes = 1L << 20;          // of a small one, what stays near the processor
    private const long SoonGarbage = 4L << 20;        // of a black box, whose batches are made anew each time
    private const int FewRows = 128;                  // as many rows as keep a large network busy
    private const int MostRows = 1 << 14;
    private const int OneOf = 100; // rows of a black box of which one is asked for twice

    private readonly Question question;
    private readonly bool layers;
    private readonly int threads;
    private readonly Value? entry;
    private int row = -1;
    private long asked;
    private Question? one;
    private (int Index, float Weight)[] weights = [];

    /// <param name="question">The question.</param>
    /// <param name="threads">How many batches a black box answers at a time.</param>
    /// <param name="entry">A value of the network that is given instead of its inputs; null for the inputs.</param>
    public Scorer(Question question, int threads, Value? entry = null)
    {
        this.question = question;
        this.threads = threads;
        this.entry = entry;
        layers = Enumerable.Range(0, question.Places.Count).Any(p => !question.IsInput(p));
        Portion = PortionOf(out long each);
        int cores = question.Model is OnnxModel { Threads: var given } ? given == 0 ? Environment.ProcessorCount : given : 1;
        Workers = layers || question.MatchesAgain || Portion <= FewRows || question.Model is not OnnxModel { FixedRows: null } || cores * Portion * each > question.Budget ? 1 : cores;
    }

    /// <summary>How many rows are scored at once.</summary>
    public int Portion { get; }

    /// <summary>Whether a batch may take long: of a large network, or of a black box, of which nothing is known.</summary>
    public bool IsSlow => question.Model is not OnnxModel || Portion <= FewRows;

    /// <summary>How many batches may be scored at a time: of a small network, whose single operations are too short to share, one for each thread.</summary>
    public int Workers { get; }

    /// <summary>A session for one of several workers; null where there is one, which takes the model's own.</summary>
    public Session? OwnSession() => Workers > 1 ? new Session(question.Source!.Graph, 1) : null;

    public void ThrowIfCancelled() => question.ThrowIfCancelled();

    /// <summary>The scores of copies of a row with other values at the places.</summary>
    /// <param name="of">The row, whose target counts.</param>
    /// <param name="places">The values: arrays with as many rows as there are scores.</param>
    /// <param name="scores">The score of each.</param>
    /// <param name="session">What runs the network; the model's own when null.</param>
    /// <exception cref="PredictorException">The model fails.</exception>
    public void Scores(int of, IReadOnlyList<NdArray> places, Span<double> scores, Session? session = null)
    {
        Turn(of);
        if (question.MatchesAgain || layers)
        {
            Question part = one!.Select(new int[scores.Length]);
            part.WithPlaces(places).Scores().CopyTo(scores);
        }
        else
        {
            Read(Answers(of, places, scores.Length, session), scores);
        }
        if (double.IsFinite(TensorPrimitives.Sum<double>(scores))) return; // one that is not finite makes no finite sum
        for (int i = 0; i < scores.Length; i++)
            if (!double.IsFinite(scores[i])) throw new PredictorException($"The model's score is {scores[i]} for a changed copy of row {of}; a score must be a finite number. Such a copy holds features of the baseline or background beside the row's own: is the model defined there?");
    }

    /// <summary>What the target is read from, for copies of a row with other inputs: the model's output, or another value of it.</summary>
    public NdArray Answers(int of, IReadOnlyList<NdArray> inputs, int rows, Session? session = null)
    {
        Turn(of);
        question.CountCalls(rows);
        if (question.Model is OnnxModel network) return Run(network, session, inputs);
        NdArray answers = Ask(inputs, rows);
        AskAgain(inputs, answers);
        return answers;
    }

    /// <summary>Asks for one row of a hundred twice, to see whether the answer stays, but for rounding, which may depend on the rows beside it and goes by the largest answers.</summary>
    private void AskAgain(IReadOnlyList<NdArray> inputs, NdArray answers)
    {
        int rows = answers.Dims[0];
        int[] some = [.. Enumerable.Range(0, rows).Where(i => (asked + i) % OneOf == 0)];
        asked += rows;
        if (some.Length == 0) return;
        question.CountCalls(some.Length);
        ReadOnlySpan<float> again = Ask([.. inputs.Select(x => Batches.Select(x, some))], some.Length).Floats, first = answers.Floats;
        int inner = again.Length / some.Length;
        float rounding = 1e-5f * Math.Abs(System.Numerics.Tensors.TensorPrimitives.MaxMagnitude(first));
        for (int i = 0; i < again.Length; i++)
            if (first[some[i / inner] * inner + i % inner] is var before && Math.Abs(again[i] - before) > 1e-6 + rounding + 1e-4 * Math.Abs(before))
                throw new PredictorException($"The model is not deterministic: asked twice for the same changed copy of row {row}, it answered {before} and {again[i]}. Fix its seed, or switch its sampling off.");
    }

    /// <summary>Makes ready for a row; to be called before several workers ask for it.</summary>
    public void Turn(int of)
    {
        if (of == row) return;
        row = of;
        one = question.Select(of);
        Span<float> all = one.Readout.Weights.Floats;
        List<(int, float)> some = [];
        for (int i = 0; i < all.Length; i++)
            if (all[i] != 0) some.Add((i, all[i])); // what does not count may be infinite
        weights = [.. some];
    }

    private NdArray Run(OnnxModel network, Session? own, IReadOnlyList<NdArray> inputs)
    {
        IReadOnlyDictionary<Value, NdArray> feeds = entry is null ? network.FeedsOf(inputs) : new Dictionary<Value, NdArray> { [entry] = inputs[0] };
        Session session = own ?? network.SessionOf(question.Source!.Graph);
        return Batches.Run(network.FixedRows, feeds, f => session.Run(f, [question.Source!.Value], question.Cancellation))[0];
    }

    private NdArray Ask(IReadOnlyList<NdArray> inputs, int rows)
    {
        int parts = Math.Clamp(threads, 1, rows);
        if (parts == 1) return Predict(inputs, rows);
        // Threads of their own: a service that waits for its network would starve the pool's.
        Task<NdArray>[] answers = [.. Enumerable.Range(0, parts).Select(p => Task.Factory.StartNew(() =>
        {
            int from = (int)((long)rows * p / parts), count = (int)((long)rows * (p + 1) / parts) - from;
            return Predict([.. inputs.Select(x => x.Rows(from, count))], count);
        }, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default))];
        return Batches.Join(Task.WhenAll(answers).GetAwaiter().GetResult());
    }

    private NdArray Predict(IReadOnlyList<NdArray> inputs, int rows) =>
        BlackBox.Predict(question.Model, inputs, $"{rows} changed copies of row {row}", question.Cancellation)[0];

    private void Read(NdArray value, Span<double> scores)
    {
        int inner = one!.Readout.Weights.Length;
        if (value.Length != inner * scores.Length)
            throw new PredictorException($"The model's output changed its shape to {NdArray.Describe(value.Dims)} for {scores.Length} changed copies of row {row}, whose own output has {inner} elements.");
        ReadOnlySpan<float> values = value.Floats;
        if (weights is [(var only, var by)])
        {
            if (inner == 1) TensorPrimitives.ConvertTruncating(values, scores);
            else for (int i = 0; i < scores.Length; i++) scores[i] = values[i * inner + only];
            if (by != 1) TensorPrimitives.Multiply(scores, by, scores);
            return;
        }
        for (int i = 0; i < scores.Length; i++)
        {
            double sum = 0;
            foreach (var (index, weight) in weights) sum += (double)weight * values[i * inner + index];
            scores[i] = sum;
        }
    }

    /// <remarks>It depends on the model and the budget alone, so that the same work is cut the same way each time.</remarks>
    private int PortionOf(out long each)
    {
        each = 1;
        if (question.Rows == 0) return 1;
        Question first = question.Rows == 1 ? question : question.Select(0);
        if (question.Model is not OnnxModel network)
        {
            long bytes = Math.Max(1, first.Inputs.Sum(i => 4L * i.Length));
            return (int)Math.Clamp(Math.Max(Math.Min(question.Budget, SoonGarbage) / bytes, Math.Min(FewRows / 8, question.Budget / bytes)), 1, MostRows);
        }
        if (network.FixedRows is { } size) return size;
        NdArray[] given = entry is null ? [.. first.Inputs] : [NdArray.Create(ElementType.Float, 1, entry.Shape![1].Value)];
        each = Math.Max(1, network.SessionOf(question.Source!.Graph).BytesFor(entry is null ? first.Feeds() : new Dictionary<Value, NdArray> { [entry] = given[0] }, [question.Source.Value]) + given.Sum(i => 4L * i.Length));
        int most = (int)Math.Clamp(Math.Min(question.Budget, ComfortableBytes) / each, 1, MostRows);
        return Math.Min(most, Math.Max(FewRows, (int)Math.Min(MostRows, NearBytes / each)));
    }
}
