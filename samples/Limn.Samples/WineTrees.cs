using Limn.Trees;

namespace Limn.Samples;

/// <summary>Boosted trees on UCI's wine, written as an XGBoost file: 20 rounds of three trees of depth 3, Newton steps on the softmax loss, exact splits.</summary>
internal static class WineTrees
{
    private const int Classes = 3, Rounds = 20, Depth = 3;
    private const double Rate = 0.2, Lambda = 1, LeastCover = 1;

    public static void Make(string folder)
    {
        SampleData data = SampleData.Read(folder, testShare: 0.25);
        string[] names = File.ReadLines(Path.Combine(folder, "data.csv")).First().Split(',')[1..];
        float[][] rows = data.Train;
        var margins = new double[rows.Length, Classes];
        List<Tree> trees = [];
        for (int round = 0; round < Rounds; round++)
        {
            var probability = new double[rows.Length, Classes];
            for (int r = 0; r < rows.Length; r++)
            {
                double sum = 0;
                for (int k = 0; k < Classes; k++) sum += Math.Exp(margins[r, k]);
                for (int k = 0; k < Classes; k++) probability[r, k] = Math.Exp(margins[r, k]) / sum;
            }
            for (int k = 0; k < Classes; k++)
            {
                (double Gradient, double Hessian)[] steps = [.. rows.Select((_, r) => (probability[r, k] - (data.TrainLabels[r] == k ? 1 : 0), Math.Max(1e-6, 2 * probability[r, k] * (1 - probability[r, k]))))];
                var grown = new Growing(rows, steps);
                grown.Grow([.. Enumerable.Range(0, rows.Length)], Depth);
                trees.Add(grown.ToTree(k));
                for (int r = 0; r < rows.Length; r++) margins[r, k] += grown.Value(rows[r]);
            }
        }
        var model = new TreeEnsemble(new EnsembleDescription
        {
            Trees = trees,
            Features = names.Length,
            FeatureNames = names,
            Outputs = Classes,
            Rule = SplitRule.Less,
            Precision = ThresholdPrecision.Single,
            Transform = OutputTransform.Softmax,
            Objective = "multi:softprob",
        });
        XgboostWriter.Write(model, Path.Combine(folder, "trees.json"));
        Console.WriteLine($"wine, trees: test accuracy {Accuracy(model, data.Test, data.TestLabels):P1} on {data.Test.Length} rows, {Accuracy(model, rows, data.TrainLabels):P1} on {rows.Length} training rows");
    }

    private static double Accuracy(TreeEnsemble model, float[][] rows, int[] labels)
    {
        double[] margins = model.Margin(rows.SelectMany(r => r).ToArray());
        return labels.Select((label, r) => Enumerable.Range(0, Classes).MaxBy(k => margins[r * Classes + k]) == label ? 1.0 : 0).Average();
    }

    /// <summary>A tree while it grows: nodes in lists, children after their parents.</summary>
    private sealed class Growing(float[][] rows, (double Gradient, double Hessian)[] steps)
    {
        private readonly List<int> left = [], right = [], feature = [];
        private readonly List<double> threshold = [], value = [], cover = [];

        public int Grow(int[] at, int depth)
        {
            double g = at.Sum(r => steps[r].Gradient), h = at.Sum(r => steps[r].Hessian);
            int node = left.Count;
            left.Add(-1);
            right.Add(-1);
            feature.Add(0);
            threshold.Add(0);
            value.Add(-Rate * g / (h + Lambda));
            cover.Add(h);
            if (depth == 0 || Best(at, g, h) is not { } split) return node;
            (feature[node], threshold[node]) = split;
            left[node] = Grow([.. at.Where(r => rows[r][split.Feature] < split.Threshold)], depth - 1);
            right[node] = Grow([.. at.Where(r => rows[r][split.Feature] >= split.Threshold)], depth - 1);
            return node;
        }

        public double Value(float[] row)
        {
            int node = 0;
            while (left[node] >= 0) node = row[feature[node]] < threshold[node] ? left[node] : right[node];
            return value[node];
        }

        public Tree ToTree(int output) => new()
        {
            Left = [.. left], Right = [.. right], Feature = [.. feature], Threshold = [.. threshold], Values = [.. value.Select(v => (double)(float)v)], Cover = [.. cover.Select(c => (double)(float)c)], Output = output,
        };

        private (int Feature, double Threshold)? Best(int[] at, double g, double h)
        {
            (double Gain, int Feature, double Threshold) best = (1e-6, -1, 0);
            for (int f = 0; f < rows[0].Length; f++)
            {
                int[] order = [.. at.OrderBy(r => rows[r][f])];
                double gl = 0, hl = 0;
                for (int i = 1; i < order.Length; i++)
                {
                    gl += steps[order[i - 1]].Gradient;
                    hl += steps[order[i - 1]].Hessian;
                    float below = rows[order[i - 1]][f], above = rows[order[i]][f], middle = below + (above - below) / 2;
                    if (!(below < middle && middle <= above) || hl < LeastCover || h - hl < LeastCover) continue;
                    double gain = gl * gl / (hl + Lambda) + (g - gl) * (g - gl) / (h - hl + Lambda) - g * g / (h + Lambda);
                    if (gain > best.Gain) best = (gain, f, middle);
                }
            }
            return best.Feature < 0 ? null : (best.Feature, best.Threshold);
        }
    }
}
