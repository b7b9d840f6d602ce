namespace Limn.Trees.Shap;

/// <summary>Values of what is not the margin: those of the margin against each background row, times the slopes of the link, averaged.</summary>
internal sealed class LinkedValues(OutputLink link, Background background, double[] backgroundMargins)
{
    /// <returns>[rows, slots], with the link's outputs in the place of margins.</returns>
    public double[] Run(TreeShapSolver solver, ReadOnlyMemory<float> rows, double[] margins, ReadOnlyMemory<float> labels, int features, CancellationToken cancellation)
    {
        int count = rows.Length / features, inputs = link.Margins, outputs = link.Outputs, slots = solver.Game.Slots / inputs;
        double[] sums = new double[checked(count * solver.Game.Slots)], result = new double[checked(count * slots * outputs)];
        double[] slopes = new double[outputs * inputs], atFrom = new double[outputs], atTo = new double[outputs];
        for (int b = 0; b < background.Rows; b++)
        {
            Array.Clear(sums);
            solver.Run(rows, sums, background.Only(b, features), cancellation);
            ReadOnlySpan<double> from = backgroundMargins.AsSpan(b * inputs, inputs);
            for (int r = 0; r < count; r++)
            {
                ReadOnlySpan<float> own = labels.Span.Slice(r * link.Labels, link.Labels);
                ReadOnlySpan<double> to = margins.AsSpan(r * inputs, inputs);
                link.Apply(from, own, atFrom);
                link.Apply(to, own, atTo);
                link.Slopes(from, to, own, atFrom, atTo, slopes);
                for (int s = 0; s < slots; s++)
                {
                    for (int o = 0; o < outputs; o++)
                    {
                        double sum = 0;
                        for (int c = 0; c < inputs; c++) sum += slopes[o * inputs + c] * sums[(r * slots + s) * inputs + c];
                        result[(r * slots + s) * outputs + o] += background.Shares[b] * sum;
                    }
                }
            }
        }
        return result;
    }
}
