using Limn.Engine;
using Limn.Engine.Execution;
using Limn.Engine.Graphs;
using Limn.Models;

namespace Limn.Games;

/// <summary>Scores many changed copies of a question's rows: batches them, and sees to it that each gets one finite score.</summary>
internal sealed class Scorer
{
    private const long ComfortableBytes = 256L << 20; // of a large network, what a batch may take
    private const long NearBytes = 4L << 20;          // of a small one, what stays near the processor
    private const int FewRows = 128;                  // as many rows as keep a large network busy
    private const int MostRows = 1 << 14;

    private readonly Question question;
    private readonly bool layers;
    private readonly int threads;
    private int row = -1;
    private Question? one;
    private (int Index, float Weight)[] weights = [];

    public Scorer(Question question, int threads)
    {
        this.question = question;
        this.threads = threads;
        layers = Enumerable.Range(0, question.Places.Count).Any(p => !question.IsInput(p));
        Portion = PortionOf();
    }

    /// <summary>How many rows are scored at once.</summary>
    public int Portion { get; }

    /// <summary>Whether the same row may get another score when it is asked again.</summary>
    public bool MayVary => question.Model is not OnnxModel;

    public void ThrowIfCancelled() => question.ThrowIfCancelled();

    /// <summary>The scores of copies of a row with other values at the places.</summary>
    /// <param name="of">The row, whose target counts.</param>
    /// <param name="places">The values: arrays with as many rows as there are scores.</param>
    /// <param name="scores">The score of each.</param>
    /// <exception cref="PredictorException">The model fails.</exception>
    public void Scores(int of, IReadOnlyList<NdArray> places, Span<double> scores)
    {
        if (of != row) Turn(of);
        if (question.MatchesAgain || layers)
        {
            Question part = one!.Select(new int[scores.Length]);
            part.WithPlaces(places).Scores().CopyTo(scores);
        }
        else
        {
            question.CountCalls(scores.Length);
            Read(question.Model is OnnxModel network ? Run(network, places) : Ask(places, scores.Length), scores);
        }
        for (int i = 0; i < scores.Length; i++)
            if (!double.IsFinite(scores[i])) throw new PredictorException($"The model's score is {scores[i]} for a changed copy of row {of}; a score must be a finite number. Such a copy holds features of the baseline or background beside the row's own: is the model defined there?");
    }

    private void Turn(int of)
    {
        row = of;
        one = question.Select(of);
        Span<float> all = one.Readout.Weights.Floats;
        List<(int, float)> some = [];
        for (int i = 0; i < all.Length; i++)
            if (all[i] != 0) some.Add((i, all[i])); // what does not count may be infinite
        weights = [.. some];
    }

    private NdArray Run(OnnxModel network, IReadOnlyList<NdArray> inputs)
    {
        IReadOnlyDictionary<Value, NdArray> feeds = network.FeedsOf(inputs);
        Session session = network.SessionOf(question.Source!.Graph);
        return Batches.Run(network.FixedRows, feeds, f => session.Run(f, [question.Source.Value], question.Cancellation))[0];
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
        for (int i = 0; i < scores.Length; i++)
        {
            double sum = 0;
            foreach (var (index, weight) in weights) sum += (double)weight * values[i * inner + index];
            scores[i] = sum;
        }
    }

    /// <remarks>It depends on the model and the budget alone, so that the same work is cut the same way each time.</remarks>
    private int PortionOf()
    {
        if (question.Rows == 0) return 1;
        Question first = question.Rows == 1 ? question : question.Select(0);
        if (question.Model is not OnnxModel network)
        {
            long bytes = Math.Max(1, first.Inputs.Sum(i => 4L * i.Length));
            return (int)Math.Clamp(Math.Min(question.Budget, ComfortableBytes / 16) / bytes, 1, MostRows);
        }
        if (network.FixedRows is { } size) return size;
        long each = Math.Max(1, network.SessionOf(question.Source!.Graph).BytesFor(first.Feeds(), [question.Source.Value]) + first.Inputs.Sum(i => 4L * i.Length));
        int most = (int)Math.Clamp(Math.Min(question.Budget, ComfortableBytes) / each, 1, MostRows);
        return Math.Min(most, Math.Max(FewRows, (int)Math.Min(MostRows, NearBytes / each)));
    }
}
