using System.Collections.Concurrent;
using Limn.Data;
using Limn.Games;
using Limn.Trees.Shap;

namespace Limn.Trees;

/// <summary>How far a stream of rows is.</summary>
/// <param name="Rows">The rows that are explained.</param>
/// <param name="Fraction">How much of the file that is, from 0 to 1.</param>
public readonly record struct StreamProgress(long Rows, double Fraction);

/// <summary>Explains a table of any length with trees, block by block, in memory that does not grow with it.</summary>
/// <remarks>
/// One thread reads while the others explain. Values go to files as they come, as .npy arrays: <c>attribution.npy</c> [rows, features] or [rows, features, outputs],
/// <c>prediction.npy</c> [rows, outputs] and, where asked for, <c>interactions.npy</c> [rows, players, players]. They are, bit for bit, what <see cref="TreeShap.Explain"/> gives for
/// all rows at once, rounded to single precision. Blocks that earlier runs left in the files are read instead of computed, so that an interrupted run can go on.
/// </remarks>
public sealed class TreeShapStream
{
    private const int MostRows = 1 << 13, FewRows = 128, MostValues = 1 << 21;

    private readonly TreeShap shap;
    private readonly TreeEnsemble model;
    private readonly Players players;
    private readonly int width; // of a row of attribution.npy

    /// <param name="model">The trees.</param>
    /// <param name="shap">What explains them.</param>
    /// <param name="players">The players of <paramref name="shap"/>: which features are one.</param>
    public TreeShapStream(TreeEnsemble model, TreeShap shap, Players players)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(shap);
        ArgumentNullException.ThrowIfNull(players);
        (this.model, this.shap, this.players) = (model, shap, players);
        width = model.Features;
    }

    /// <summary>The output that is explained; null: all of them, and that of the largest prediction of each row in the summary.</summary>
    public int? Output { get; init; }

    /// <summary>Whether attribution.npy holds all outputs even so.</summary>
    public bool AllOutputs { get; init; } = true;

    /// <summary>Whether interactions are computed too, of <see cref="Output"/> or of the largest prediction.</summary>
    public bool Interactions { get; init; }

    /// <summary>Whether the last of the columns that are read is the right answer of the row.</summary>
    public bool HasTruth { get; init; }

    /// <summary>Whether values add up to the output, so that the miss is worth a number: not those of Banzhaf.</summary>
    public bool AddsUp { get; init; } = true;

    /// <summary>How many rows are drawn for pictures.</summary>
    public int SampleSize { get; init; } = 1000;

    /// <summary>The seed of that draw.</summary>
    public ulong Seed { get; init; }

    /// <summary>Rows in a block, at least 128; by the number of values when null.</summary>
    public int? BlockRows { get; init; }

    private int Outputs => AllOutputs ? shap.Outputs : 1;

    private int Block => BlockRows is { } given ? Math.Max(FewRows, given) : Math.Clamp(MostValues / Math.Max(1, Math.Max(width * shap.Outputs, Interactions ? players.Count * players.Count * shap.Outputs : 1)), FewRows, MostRows);

    /// <summary>Explains all rows of a table.</summary>
    /// <param name="rows">The table; the columns that it keeps are the model's features, and after them the right answer where <see cref="HasTruth"/> holds.</param>
    /// <param name="folder">An existing folder for the files; what earlier runs left there is gone on with.</param>
    /// <param name="progress">Is told after each block.</param>
    /// <param name="cancellation">Stops the work between blocks; files keep what is done.</param>
    /// <exception cref="InvalidDataException">The table is damaged, or a value is missing where the model has no branch for it.</exception>
    public StreamedValues Run(TableStream rows, string folder, IProgress<StreamProgress>? progress = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(rows);
        int explained = shap.Outputs;
        using var attribution = new NpyAppend(Path.Combine(folder, "attribution.npy"), explained > 1 && AllOutputs ? [width, explained] : [width]);
        using var prediction = new NpyAppend(Path.Combine(folder, "prediction.npy"), [explained]);
        using NpyAppend? pairs = Interactions ? new NpyAppend(Path.Combine(folder, "interactions.npy"), [players.Count, players.Count]) : null;
        // What was written last may be cut off anywhere.
        long kept = Math.Min(Math.Min(attribution.Rows, prediction.Rows), pairs?.Rows ?? long.MaxValue) / Block * Block;
        attribution.Truncate(kept);
        prediction.Truncate(kept);
        pairs?.Truncate(kept);

        var statistics = new StreamStatistics(players, width, Math.Min(SampleSize, 1 << 16), Seed);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        using var blocks = new BlockingCollection<(float[] Rows, float[] Truth, double Fraction)>(boundedCapacity: 2);
        Task reading = Task.Run(() => ReadAll(rows, blocks, stop.Token), CancellationToken.None);
        long done = 0;
        try
        {
            foreach (var (values, truth, fraction) in blocks.GetConsumingEnumerable(cancellation))
            {
                int count = values.Length / width;
                float[] phi = new float[count * width * Outputs], answers = new float[count * explained];
                if (done + count <= kept)
                {
                    attribution.Read(done, phi);
                    prediction.Read(done, answers);
                }
                else
                {
                    // A last block that was longer or shorter before is done again.
                    attribution.Truncate(done);
                    prediction.Truncate(done);
                    pairs?.Truncate(done);
                    Explain(values, truth, done, phi, answers, pairs, cancellation);
                    attribution.Append(phi);
                    prediction.Append(answers);
                }
                statistics.Add(values, phi, Outputs, answers, explained, Output, done, AddsUp ? shap.ExpectedValue : []);
                done += count;
                progress?.Report(new StreamProgress(done, fraction));
            }
            reading.GetAwaiter().GetResult();
        }
        finally
        {
            stop.Cancel();
            ((IAsyncResult)reading).AsyncWaitHandle.WaitOne();
        }
        attribution.Finish();
        prediction.Finish();
        pairs?.Finish();
        return statistics.Result(shap.ExpectedValue.ToArray());
    }

    private void Explain(float[] values, float[] truth, long first, float[] phi, float[] answers, NpyAppend? pairs, CancellationToken cancellation)
    {
        ((Models.ITakesMissing)model).CheckMissing(values, first, model.FeatureNames);
        TreeShapValues result;
        if (pairs is null)
        {
            result = shap.Explain(values, truth, cancellation);
        }
        else
        {
            TreeShapInteractions all = shap.Interactions(values, truth, cancellation);
            result = all.Single;
            var matrices = new float[all.Rows * all.Players * all.Players];
            for (int r = 0, at = 0; r < all.Rows; r++)
            {
                int o = OutputOf(result.Predictions.AsSpan(r * all.Outputs, all.Outputs));
                for (int p = 0; p < all.Players * all.Players; p++) matrices[at++] = (float)all.Values[(r * all.Players * all.Players + p) * all.Outputs + o];
            }
            pairs.Append(matrices);
        }
        for (int i = 0; i < answers.Length; i++) answers[i] = (float)result.Predictions[i];
        int[] of = players.Of[0];
        for (int r = 0, at = 0; r < result.Rows; r++)
        {
            int o = AllOutputs ? 0 : OutputOf(result.Predictions.AsSpan(r * result.Outputs, result.Outputs));
            for (int f = 0; f < width; f++)
                for (int k = 0; k < Outputs; k++) phi[at++] = (float)result[r, of[f], o + k];
        }
    }

    private int OutputOf(ReadOnlySpan<double> predictions)
    {
        if (Output is { } given) return Math.Min(given, predictions.Length - 1);
        int best = 0;
        for (int o = 1; o < predictions.Length; o++)
            if (predictions[o] > predictions[best]) best = o;
        return best;
    }

    /// <summary>Reads blocks; a last one of few rows goes with the one before, because few rows are computed in another way, with other roundings.</summary>
    private void ReadAll(TableStream rows, BlockingCollection<(float[] Rows, float[] Truth, double Fraction)> blocks, CancellationToken stop)
    {
        try
        {
            int columns = width + (HasTruth ? 1 : 0);
            float[]? last = null;
            while (true)
            {
                var block = new float[Block * columns];
                int count = rows.Read(block);
                if (count < Block) Array.Resize(ref block, count * columns);
                if (last is not null && count < FewRows) last = [.. last, .. block];
                if (last is not null) blocks.Add(Divided(last, columns, rows.Fraction), stop);
                if (last is not null && count < FewRows) return;
                last = block;
                if (count == Block) continue;
                if (count > 0) blocks.Add(Divided(last, columns, rows.Fraction), stop);
                return;
            }
        }
        catch (OperationCanceledException)
        {
            // The explaining side knows why it stopped.
        }
        finally
        {
            blocks.CompleteAdding();
        }
    }

    private (float[] Rows, float[] Truth, double Fraction) Divided(float[] block, int columns, double fraction)
    {
        if (!HasTruth) return (block, [], fraction);
        int count = block.Length / columns;
        float[] values = new float[count * width], truth = new float[count];
        for (int r = 0; r < count; r++)
        {
            block.AsSpan(r * columns, width).CopyTo(values.AsSpan(r * width));
            truth[r] = block[r * columns + width];
        }
        return (values, truth, fraction);
    }
}
