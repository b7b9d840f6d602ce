using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.Emit;
using Limn.KernelBenchmarks;

// dotnet run --project benchmarks/Limn.KernelBenchmarks -c Release -- --filter '*Convolution*'
// In this process, since what is timed are methods that only the engine's own assemblies see.
IConfig config = DefaultConfig.Instance.AddJob(Job.ShortRun.WithToolchain(InProcessEmitToolchain.Instance));
BenchmarkSwitcher.FromTypes([typeof(ConvolutionBenchmarks), typeof(DepthwiseBenchmarks), typeof(ProductBenchmarks), typeof(FunctionBenchmarks)]).Run(args, config);
