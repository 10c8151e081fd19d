// The settings of bots that run in containers, and of the engine that runs them.

import { z } from 'zod';
import { commandLine, memorySize, relativePath } from './values.ts';

/** `bots.NAME.container`. */
export const containerSchema = z
  .strictObject({
    image: z
      .string()
      .regex(/^[\w][\w.\-/:@]*$/, 'the name of an image, such as ghcr.io/me/bot:1.2')
      .optional()
      .describe("Run this image; without it one is built from the bot's folder"),
    dockerfile: relativePath
      .optional()
      .describe('The recipe of the image, relative to directory; Dockerfile, or one of ours, otherwise'),
    command: z
      .union([z.literal('image'), commandLine])
      .optional()
      .describe(
        'What is run in the container, where that differs: an argv, or "image" for what the image says',
      ),
    keep: z
      .array(
        z
          .string()
          .min(1)
          .regex(/^[^\0:,]+$/, 'a path without ":" and ","'),
      )
      .default([])
      .describe(
        'Folders whose content outlives a container: paths in the container, relative to its work folder',
      ),
    volumeDriver: z
      .string()
      .min(1)
      .default('local')
      .describe('Where those folders are: local is the disk of each node, other drivers reach every node'),
    volumeOptions: z.record(z.string(), z.string()).default({}).describe('Options of that driver'),
    network: z
      .string()
      .min(1)
      .optional()
      .describe("A network to join; on docker also host or none. The engine's default otherwise"),
    cpus: z.number().positive().max(1_024).optional().describe('At most so many cores, such as 0.5'),
    reserve: z
      .strictObject({
        cpus: z.number().positive().max(1_024).optional().describe('Cores that its node must have free'),
        memory: memorySize.optional().describe('Memory that its node must have free, such as 256MB'),
      })
      .prefault({})
      .describe('What a node must have left to take it (swarm)'),
    constraints: z
      .array(z.string().regex(/^\s*\S+\s*(==|!=)\s*\S.*$/, 'such as "node.labels.disk == ssd"'))
      .default([])
      .describe('Which nodes may take it, such as "node.role == worker" (swarm)'),
    trialSeconds: z
      .number()
      .positive()
      .max(3_600)
      .default(10)
      .describe('A restart or an update that ends within this time is rolled back by the swarm (seconds)'),
  })
  .describe('How it runs in a container, where runner is docker or swarm');

/** `docker`. */
export const dockerSchema = z
  .strictObject({
    host: z
      .string()
      .regex(
        /^(unix:\/\/\/.+|tcp:\/\/.+|https?:\/\/.+|ssh:\/\/.+)$/,
        'such as unix:///var/run/docker.sock or tcp://HOST:2376',
      )
      .optional()
      .describe('The engine, or a manager of the swarm; $DOCKER_HOST, else /var/run/docker.sock, otherwise'),
    registry: z
      .string()
      .regex(/^[a-z0-9][\w.-]*(:\d+)?(\/[\w./-]+)?$/i, 'such as registry.example.org:5000')
      .optional()
      .describe('Where images are pushed to, so that every node of a swarm can pull them'),
    instance: z
      .string()
      .regex(/^[a-z][a-z0-9]{5,19}$/, '6 to 20 small letters and digits')
      .optional()
      .describe('Whose containers and services are ours; for a host that takes over from another one'),
  })
  .describe('The Docker engine of bots whose runner is docker or swarm');
