namespace Limn;

/// <summary>What the parts of one explanation share: the seed, the count of model calls, progress, cancellation, the budget.</summary>
internal sealed class RunLog(ExplainOptions options)
{
    private long calls;

    public ulong Seed => options.Seed;

    public long Budget { get; } = options.Budget;

    public int PredictorThreads => options.PredictorThreads;

    public DataRange? Range => options.Range;

    public Data.FeatureSchema? Schema => options.Schema;

    public IReadOnlyList<string>? ColumnNames => options.ColumnNames;

    public CancellationToken Cancellation => options.Cancellation;

    public long Calls => calls;

    public void Count(int rows) => Interlocked.Add(ref calls, rows);

    public void Report(long done, long total) => options.Progress?.Report(new Progress(done, total));
}
