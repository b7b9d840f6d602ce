using Limn.Engine.Kernels;

namespace Limn.Engine.Tests.Kernels.ChannelsLast;

/// <summary>3 x 3 convolution, channels last, summed in double one term at a time.</summary>
internal static class WinogradReference
{
    public static double[] Forward(ConvolutionShape shape, float[] x, float[] w)
    {
        var y = new double[shape.OutputLength];
        ForEachTap(shape, (input, output, tap) =>
        {
            for (int o = 0; o < shape.OutChannels; o++)
            {
                double sum = 0;
                for (int i = 0; i < shape.InChannels; i++) sum += (double)x[input + i] * w[(o * shape.InChannels + i) * 9 + tap];
                y[output + o] += sum;
            }
        });
        return y;
    }

    public static double[] BackwardInput(ConvolutionShape shape, float[] dy, float[] w)
    {
        var dx = new double[shape.InputLength];
        ForEachTap(shape, (input, output, tap) =>
        {
            for (int o = 0; o < shape.OutChannels; o++)
            {
                for (int i = 0; i < shape.InChannels; i++) dx[input + i] += (double)dy[output + o] * w[(o * shape.InChannels + i) * 9 + tap];
            }
        });
        return dx;
    }

    /// <summary>Where the channels of the input and of the output begin, for each output position and each tap that falls on the input.</summary>
    private static void ForEachTap(ConvolutionShape shape, Action<int, int, int> body)
    {
        WindowAxis height = shape.Height, width = shape.Width;
        for (int at = 0; at < shape.Batch * height.Output * width.Output; at++)
        {
            int n = at / (height.Output * width.Output), row = at / width.Output % height.Output, column = at % width.Output;
            for (int tap = 0; tap < 9; tap++)
            {
                int y = row + tap / 3 - height.PadBegin, x = column + tap % 3 - width.PadBegin;
                if (y < 0 || y >= height.Input || x < 0 || x >= width.Input) continue;
                body(((n * height.Input + y) * width.Input + x) * shape.InChannels, at * shape.OutChannels, tap);
            }
        }
    }
}
