"""The five RoboMimic tasks on robosuite: the simulator, its fast control loop, and scripted experts."""
